/** Rows that repeat or contradict each other. */
import { identityOf } from '../statistics.ts';
import type { Checked, Found } from './finding.ts';
import { askedOf, mixed, readRows, shinglesOf, wholeOf, wordsOf } from './texts.ts';

export function findCopies({ rows }: Checked): Found[] {
  const seen = new Set<string>();
  const copies = readRows(rows).filter(({ example }) => {
    const identity = identityOf(example);
    if (seen.has(identity)) return true;
    seen.add(identity);
    return false;
  });
  return [{ id: 'exact-duplicates', rows: copies.map(({ row }) => row) }];
}

/** All rows of a prompt whose answers differ by more than white space. */
export function findContradictions({ rows }: Checked): Found[] {
  const groups = new Map<string, { readonly rows: number[]; readonly answers: Set<string> }>();
  for (const { row, example } of readRows(rows)) {
    const pair = askedOf(example);
    if (!pair) continue;
    const group = groups.get(pair.asked) ?? { rows: [], answers: new Set() };
    group.rows.push(row);
    group.answers.add(pair.answer);
    groups.set(pair.asked, group);
  }
  const found = [...groups.values()].filter(({ answers }) => answers.size > 1);
  return [
    {
      id: 'contradictory-answers',
      rows: found.flatMap((group) => group.rows),
      detail: `${found.length === 1 ? 'One prompt has' : `${found.length} prompts have`} several answers.`,
    },
  ];
}

const SHINGLE = 5;
const LEAST_JACCARD = 0.7;
/**
 * 16 bands of 4 minima find a pair of similarity 0.7 with a chance of 1 − (1 − 0.7⁴)¹⁶ = 98.8 %, and one of 0.8 with 99.99 % (Leskovec and others,
 * Mining of Massive Datasets, chapter 3).
 */
const BANDS = 16;
const ROWS_OF_BAND = 4;
/** Rows of a band that share minima and are compared: more of them share a template, and comparing all would be quadratic. */
const MOST_OF_BUCKET = 8;

/** Minima of a set of shingles under as many hash functions as all bands have rows. */
function signatureOf(shingles: ReadonlySet<number>): Uint32Array {
  const minima = new Uint32Array(BANDS * ROWS_OF_BAND).fill(0xffffffff);
  for (const shingle of shingles) {
    const step = mixed(shingle ^ 0x9e3779b9) | 1;
    for (let at = 0, hash = shingle; at < minima.length; at++) {
      hash = (hash + step) >>> 0;
      const value = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(at + 1, 0x9e3779b9)) >>> 0;
      if (value < minima[at]) minima[at] = value;
    }
  }
  return minima;
}

/** Shared shingles over all shingles of both. */
function jaccard(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  if (few.size < LEAST_JACCARD * many.size) return 0;
  let shared = 0;
  for (const one of few) if (many.has(one)) shared++;
  return shared / (a.size + b.size - shared);
}

/**
 * Rows of which an earlier one shares most groups of five words. Candidates come from MinHash, and each is compared exactly. Copies, and rows that answer
 * the same prompt differently, are other findings.
 */
export function findNearCopies({ rows }: Checked): Found[] {
  const buckets = new Map<string, number[]>();
  const kept: { readonly shingles: ReadonlySet<number>; readonly asked: string | undefined }[] = [];
  const identities = new Set<string>();
  const near: number[] = [];
  for (const { row, example } of readRows(rows)) {
    const identity = identityOf(example);
    if (identities.has(identity)) continue;
    identities.add(identity);
    const shingles = shinglesOf(wordsOf(wholeOf(example)), SHINGLE);
    if (shingles.size === 0) continue;
    const pair = askedOf(example);
    const isNear = (other: number): boolean => {
      const before = kept[other];
      const contradicts = pair !== undefined && before.asked === pair.asked;
      return !contradicts && jaccard(before.shingles, shingles) >= LEAST_JACCARD;
    };
    const signature = signatureOf(shingles);
    const own: number[][] = [];
    const compared = new Set<number>();
    let found = false;
    for (let band = 0; band < BANDS && !found; band++) {
      const key = `${band}:${signature.subarray(band * ROWS_OF_BAND, (band + 1) * ROWS_OF_BAND).join()}`;
      const bucket = buckets.get(key) ?? [];
      if (bucket.length === 0) buckets.set(key, bucket);
      own.push(bucket);
      for (const other of bucket) {
        if (compared.has(other)) continue;
        compared.add(other);
        found ||= isNear(other);
      }
    }
    if (found) {
      near.push(row);
      continue;
    }
    for (const bucket of own) if (bucket.length < MOST_OF_BUCKET) bucket.push(kept.length);
    kept.push({ shingles, asked: pair?.asked });
  }
  return [{ id: 'near-duplicates', rows: near }];
}

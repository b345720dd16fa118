/**
 * What a tuned retriever finds, in comparison with the encoder as it is: LoRA on the encoder with rows of people's questions, or with rows that are made
 * of the documents without any model. Drives the commands of graft, and leaves their files in the output folder.
 *
 *   node --import tsx bench/retriever.ts VARIANT ENCODER DOCUMENTS QUESTIONS OUT [steps] [folds] [threads]
 *
 * VARIANT is one of
 *   batch     questions and their passages, over folds; the other texts of a batch are the negatives
 *   hard      the same, with the best chunk of the search that is not relevant as a hard negative of each question
 *   cloze     a sentence of a chunk → the other sentences of that chunk (inverse cloze, Lee et al. 2019, arXiv:1906.00300); no questions
 *   headings  the headings above a chunk → the chunk; no questions
 *
 * Folds are divided by document: no question of a test fold has a passage in a document of training. After tuning, the vectors are computed again for the best
 * 20 chunks of all asked questions together, and each question is compared with all of these. On ../shared/retrieval every relevant chunk is among them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../src/random.ts';
import type { JudgedSearch } from '../src/retrieval/relevance.ts';
import { printChanges, readLines } from './changes.ts';

const VARIANTS = ['batch', 'hard', 'cloze', 'headings'] as const;
/** Best chunks of each question before tuning: after it, vectors are made of these. */
const SEARCHED = 20;
const BATCH = 8;
/** Rows of each document that are made without questions. */
const PER_DOCUMENT = 2;
const SEED = 1;

const [name, encoder, documents, questionFile, out, steps = '18', folds = '5', threads = '2'] =
  process.argv.slice(2);
const variant = VARIANTS.find((one) => one === name);
if (!variant || !out) throw new Error('Give VARIANT ENCODER DOCUMENTS QUESTIONS OUT');

interface Chunk {
  readonly id: string;
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
interface Asked {
  readonly id: string;
  readonly question: string;
  readonly passages: readonly { readonly doc: string }[];
}
interface Found {
  readonly id: string;
  readonly hits: readonly { readonly id: string }[];
  readonly relevant: readonly (readonly string[])[];
}

const writeLines = (path: string, rows: readonly object[]): string => {
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};
/** Standard output of the command. */
function graft(...args: string[]): string {
  console.error(`graft ${args.join(' ')}`);
  const { status, stdout } = spawnSync(
    process.execPath,
    ['bin/graft.mjs', ...args, '--device', 'cpu', '--threads', threads],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 1 << 28,
    },
  );
  if (status !== 0) throw new Error(`graft ${args[0]} ended with ${status}`);
  return stdout;
}

mkdirSync(out, { recursive: true });
const index = join(out, 'index');
if (!existsSync(index)) graft('index', '--model', encoder, '--documents', documents, '--out', index);
const chunks = readLines<Chunk>(join(index, 'chunks.jsonl'));
const textOf = new Map(chunks.map(({ id, text }) => [id, text]));
const placeOf = new Map(chunks.map(({ id }, at) => [id, at]));
const asked = readLines<Asked>(questionFile).filter(({ passages }) => passages.length > 0);
const questions = writeLines(join(out, 'questions.jsonl'), asked);

const search = (where: string, queries: string, ...more: string[]): Found[] =>
  graft(
    ...['search', '--model', encoder, '--index', where, '--queries', queries, '--top', String(SEARCHED)],
    ...['--json', ...more],
  )
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
    .filter(({ hits }) => hits);
const before = search(index, questions, '--relevant');

const tune = (rows: string, adapter: string): void => {
  if (existsSync(join(adapter, 'adapter_model.safetensors'))) return;
  graft(
    ...['train', '--objective', 'contrastive', '--model', encoder, '--data', rows, '--out', adapter],
    ...['--batch', String(BATCH), '--steps', steps, '--lr', '1e-3', '--rank', '4', '--alpha', '8'],
    ...['--targets', 'query,value', '--val-fraction', '0', '--test-fraction', '0'],
  );
};

/** What an adapter finds for some of the questions. */
function after(at: readonly number[], adapter: string): Found[] {
  const where = `${adapter}-index`;
  const ids = new Set(at.flatMap((one) => before[one].hits.map(({ id }) => id)));
  const only = chunks.filter(({ id }) => ids.has(id));
  const given = writeLines(`${where}.jsonl`, only);
  if (!existsSync(where))
    graft('index', '--model', encoder, '--adapter', adapter, '--chunks', given, '--out', where);
  const queries = at.map((one) => ({ id: asked[one].id, question: asked[one].question }));
  return search(where, writeLines(`${where}-questions.jsonl`, queries), '--adapter', adapter);
}

/** The number of the fold of each question. Questions that share a document are in the same one. */
function foldsOf(count: number): number[] {
  const groups: { docs: Set<string>; at: number[] }[] = [];
  for (const [at, { passages }] of asked.entries()) {
    const own = { docs: new Set(passages.map(({ doc }) => doc)), at: [at] };
    for (const other of groups.filter(({ docs }) => [...own.docs].some((doc) => docs.has(doc)))) {
      for (const doc of other.docs) own.docs.add(doc);
      own.at.push(...other.at);
      groups.splice(groups.indexOf(other), 1);
    }
    groups.push(own);
  }
  const sizes = Array<number>(count).fill(0);
  const fold = Array<number>(asked.length).fill(0);
  for (const { at } of new Random(SEED).shuffle(groups).sort((a, b) => b.at.length - a.at.length)) {
    const smallest = sizes.indexOf(Math.min(...sizes));
    sizes[smallest] += at.length;
    for (const one of at) fold[one] = smallest;
  }
  return fold;
}

const rowOfQuestion = (at: number): object => {
  const { hits, relevant } = before[at];
  const right = new Set(relevant.flat());
  const positive = hits.find(({ id }) => right.has(id))!;
  const negative = hits.find(({ id }) => !right.has(id))!;
  return {
    query: asked[at].question,
    positive: textOf.get(positive.id),
    ...(variant === 'hard' && { negative: [textOf.get(negative.id)] }),
  };
};

const sentences = (text: string): string[] => text.match(/[^]+?(?:[.!?]["')\]]*\s+|\n\s*\n|$)/g) ?? [];
const words = (text: string): number => text.split(/\s+/).length;

/** Rows of each document that need neither a question nor a model. */
function rowsOfDocuments(): object[] {
  const random = new Random(SEED);
  const byFile = new Map<string, Chunk[]>();
  for (const chunk of chunks) byFile.set(chunk.file, [...(byFile.get(chunk.file) ?? []), chunk]);
  return [...byFile.values()].flatMap((own) =>
    random
      .shuffle([...own])
      .flatMap(({ text, start }): object[] => {
        if (variant === 'cloze') {
          const all = sentences(text);
          const long = all.filter((one) => words(one) >= 5 && words(one) <= 40);
          if (all.length < 2 || long.length === 0) return [];
          const query = long[random.below(long.length)];
          return [{ query: query.trim(), positive: text.replace(query, '').trim() }];
        }
        // The first line of a document and the last heading before the chunk.
        const title = own[0].text.split('\n')[0];
        const above = own.filter((chunk) => chunk.start <= start).map((chunk) => chunk.text);
        const heading = [...above.join('\n').matchAll(/^#+\s+(.+)$|^(.+)\n[=~-]{3,}$/gm)].at(-1);
        const query = [title, heading?.[1] ?? heading?.[2] ?? '']
          .map((one) => one.replaceAll(/[#=*`]/g, '').trim())
          .filter((one, at, both) => one !== '' && both.indexOf(one) === at);
        return query.length === 0 ? [] : [{ query: query.join(': '), positive: text }];
      })
      .slice(0, PER_DOCUMENT),
  );
}

const found: Found[] = Array<Found>(asked.length);
if (variant === 'cloze' || variant === 'headings') {
  const adapter = join(out, variant);
  tune(writeLines(`${adapter}.jsonl`, rowsOfDocuments()), adapter);
  const all = asked.map((_, at) => at);
  for (const [at, one] of after(all, adapter).entries()) found[at] = one;
} else {
  const fold = foldsOf(Number(folds));
  for (let test = 0; test < Number(folds); test++) {
    const adapter = join(out, `${variant}-${test}`);
    const at = asked.flatMap((_, one) => (fold[one] === test ? [one] : []));
    const train = asked.flatMap((_, one) => (fold[one] === test ? [] : [rowOfQuestion(one)]));
    tune(writeLines(`${adapter}.jsonl`, train), adapter);
    for (const [n, one] of after(at, adapter).entries()) found[at[n]] = one;
    report(asked.flatMap((_, one) => (fold[one] <= test ? [one] : [])));
  }
}
report(asked.map((_, at) => at));

/** The measures of some questions with the encoder as it is, and with the tuned one. */
function report(at: readonly number[]): void {
  const judge = (from: readonly Found[]): JudgedSearch[] =>
    at.map((one) => ({
      ranking: from[one].hits.map(({ id }) => placeOf.get(id)!),
      relevant: before[one].relevant.map((ids) => ids.map((id) => placeOf.get(id)!)),
    }));
  printChanges(variant!, judge(before), judge(found));
}

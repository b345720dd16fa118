/**
 * What tuning a retriever brings for questions that it has not seen: an encoder is tuned on all folds of the questions but one (`graft train --objective
 * contrastive`), and finds the passages of that fold. Questions that share a document are in one fold. A row has the question, the first chunk that
 * holds its passage, and a hard negative: the best chunk of the index that shares nothing with a passage of the question.
 *
 *   node --import tsx --loader ./bin/wgsl-loader.mjs bench/retriever.ts DOCUMENTS QUESTIONS MODEL OUT [--rates 3e-4] [--folds 6] [--epochs 2] [--batch 10] [--pool 20]
 *
 * Only the chunks that the model as it was ranks among the first `--pool` for a question of the fold, and those that hold a passage, get tuned vectors.
 * So its own numbers are those of all chunks, and those of the tuned one may only be too good. Each fold is kept in OUT, and a second call continues.
 * `--kept` reports the folds that are there, and computes none. It prints the CPU time of all commands.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/random.ts';
import { Relevance, type JudgedSearch, type Passage } from '../src/retrieval/relevance.ts';
import { nearChunks } from '../src/retrieval/retriever-rows.ts';
import { printChanges, readLines } from './changes.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const SEED = 1;
/** As the retriever of docs/how-to/retriever.md. */
const ADAPTER = ['--rank', '4', '--alpha', '8', '--targets', 'query,value'];
const REPORT = `process.on('exit', () => process.stderr.write('\\n' + JSON.stringify(process.resourceUsage()) + '\\n'));`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rates: { type: 'string', default: '3e-4' },
    folds: { type: 'string', default: '6' },
    epochs: { type: 'string', default: '2' },
    batch: { type: 'string', default: '10' },
    pool: { type: 'string', default: '20' },
    kept: { type: 'boolean', default: false },
  },
});
const [documents, questionFile, model, out] = positionals;
if (!out) throw new Error('Give DOCUMENTS QUESTIONS MODEL OUT');
const [folds, pool] = [Number(values.folds), Number(values.pool)];

interface Question {
  readonly id: string;
  readonly question: string;
  readonly passages: readonly Passage[];
}
interface Chunk {
  readonly id: string;
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
interface Found {
  readonly id: string;
  readonly hits: readonly { readonly id: string }[];
}

let processor = 0;

/** Runs a command. @returns what it wrote to standard output */
function graft(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--import', `data:text/javascript,${encodeURIComponent(REPORT)}`],
      ...[join(ROOT, 'bin/graft.mjs'), ...args, '--device', 'cpu'],
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (status !== 0) throw new Error(`graft ${args.join(' ')} ended with ${status}:\n${stderr}`);
  const usage = JSON.parse(stderr.trim().split('\n').at(-1)!) as NodeJS.ResourceUsage;
  processor += (usage.userCPUTime + usage.systemCPUTime) / 1e6;
  return stdout;
}
const at = (...names: string[]): string => join(out, ...names);
const write = (path: string, rows: readonly object[]): string => {
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
};

mkdirSync(out, { recursive: true });
const questions = readLines<Question>(questionFile).filter(({ passages }) => passages.length > 0);
if (!existsSync(at('base', 'index.json')))
  graft('index', '--model', model, '--documents', documents, '--out', at('base'));
const chunks = readLines<Chunk>(at('base', 'chunks.jsonl'));
const placeOf = new Map(chunks.map(({ id }, place) => [id, place]));
const relevance = new Relevance(chunks);
const relevantTo = new Map(
  questions.map(({ id, passages }) => [id, passages.map((passage) => relevance.relevantTo(passage) ?? [])]),
);

/** The rankings of an index for questions, as places of chunks. */
function rankings(
  index: string,
  asked: readonly Question[],
  top: number,
  ...flags: string[]
): Map<string, number[]> {
  const queries = write(at('queries.jsonl'), asked);
  const lines = graft(
    ...['search', '--index', index, '--model', model, '--queries', queries, '--top', `${top}`, '--json'],
    ...flags,
  );
  return new Map(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Found)
      .map(({ id, hits }) => [id, hits.map((hit) => placeOf.get(hit.id)!)]),
  );
}

const before = rankings(at('base'), questions, Math.max(pool, 10));

/** The best chunk that shares nothing with the passages of the question. */
function hardNegative({ id, passages }: Question): Chunk {
  const near = nearChunks(passages, chunks, relevance);
  return chunks[before.get(id)!.find((place) => !near.has(place))!];
}

/** The fold of each question: those that share a document stay together, and folds have nearly the same size. */
function foldsOf(): Map<string, number> {
  const groups: Question[][] = [];
  for (const one of questions) {
    const docs = new Set(one.passages.map(({ doc }) => doc));
    const isShared = (group: Question[]): boolean =>
      group.some(({ passages }) => passages.some(({ doc }) => docs.has(doc)));
    const joined = [...groups.filter(isShared).flat(), one];
    groups.splice(0, groups.length, ...groups.filter((group) => !isShared(group)), joined);
  }
  const order = new Random(SEED).shuffle(groups).sort((a, b) => b.length - a.length);
  const sizes = Array.from({ length: folds }, () => 0);
  const fold = new Map<string, number>();
  for (const group of order) {
    const smallest = sizes.indexOf(Math.min(...sizes));
    sizes[smallest] += group.length;
    for (const { id } of group) fold.set(id, smallest);
  }
  return fold;
}
const foldOf = foldsOf();

/** The rankings of the tuned model for the questions of a fold. */
function tuned(rate: string, fold: number): Record<string, number[]> {
  const kept = at(`ranked-${rate}-${fold}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Record<string, number[]>;
  const asked = questions.filter(({ id }) => foldOf.get(id) === fold);
  const rows = questions
    .filter(({ id }) => foldOf.get(id) !== fold)
    .flatMap((one) => {
      const [first] = relevantTo.get(one.id)!.flat();
      if (first === undefined) return [];
      return [{ query: one.question, positive: chunks[first].text, negative: [hardNegative(one).text] }];
    });
  const adapter = at(`adapter-${rate}-${fold}`);
  rmSync(adapter, { recursive: true, force: true });
  graft(
    ...['train', '--objective', 'contrastive', '--model', model, '--data', write(at('rows.jsonl'), rows)],
    ...['--out', adapter, '--lr', rate, '--epochs', values.epochs, '--batch', values.batch],
    ...['--seed', `${SEED}`, ...ADAPTER],
  );
  const places = new Set(
    asked.flatMap(({ id }) => [...before.get(id)!.slice(0, pool), ...relevantTo.get(id)!.flat()]),
  );
  const some = write(
    at('pool.jsonl'),
    [...places].sort((a, b) => a - b).map((place) => chunks[place]),
  );
  graft(
    ...['index', '--model', model, '--adapter', adapter, '--chunks', some, '--out', at('tuned')],
    '--overwrite',
  );
  const found = Object.fromEntries(rankings(at('tuned'), asked, 10, '--adapter', adapter));
  writeFileSync(kept, JSON.stringify(found));
  console.error(
    `Rate ${rate}, fold ${fold + 1}: ${rows.length} rows, ${asked.length} questions, ${places.size} chunks; ${processor.toFixed(0)} s of processor time so far`,
  );
  return found;
}

const judged = (id: string, ranking: readonly number[]): JudgedSearch => ({
  ranking,
  relevant: relevantTo.get(id)!,
});
for (const rate of values.rates.split(',')) {
  const wanted = Array.from({ length: folds }, (_, fold) => fold).filter(
    (fold) => !values.kept || existsSync(at(`ranked-${rate}-${fold}.json`)),
  );
  const found = new Map(wanted.flatMap((fold) => Object.entries(tuned(rate, fold))));
  printChanges(
    `Learning rate ${rate}, ${wanted.length} of ${folds} folds`,
    [...found.keys()].map((id) => judged(id, before.get(id)!)),
    [...found].map(([id, ranking]) => judged(id, ranking)),
  );
}
console.log(`${processor.toFixed(0)} s of CPU time`);

/** `graft search`: the best chunks of an index for questions, and how many of their passages are among these. */
import { GraftError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { fixed, percent, plural } from '../numbers.ts';
import { SEARCH_METHODS } from '../retrieval/ranking.ts';
import {
  measure,
  RECALL_RANKS,
  Relevance,
  type JudgedSearch,
  type Measures,
  type Passage,
} from '../retrieval/relevance.ts';
import type { Reranked } from '../retrieval/rerank.ts';
import { readPassage } from '../retrieval/row-passages.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import type { ChunkEntry } from './index-folder.ts';
import { readJsonLines } from './json-lines.ts';
import { encoderFlags } from './open-encoder.ts';
import { IndexSearch } from './open-search.ts';
import type { Output } from './output.ts';
import { Reranker, rerankFlags } from './rerank.ts';

export const searchFlags = {
  ...encoderFlags,
  index: { value: 'DIR', help: 'the folder of an index that graft index made' },
  model: { value: 'DIR', help: 'the encoder that the index was made with; bm25 needs none' },
  prefix: { value: 'TEXT', help: 'put before every question, such as "query: " for e5' },
  queries: {
    value: 'FILE',
    help: 'JSONL with a {"question": "…"} on each line, perhaps an "id" and "passages"',
  },
  query: { value: 'TEXT', help: 'a single question, instead of a file' },
  method: {
    value: SEARCH_METHODS.join('|'),
    help: 'by meaning (cosine of vectors), by words (BM25), or by both lists (reciprocal rank fusion) (default: cosine)',
  },
  top: { value: 'N', help: 'chunks for each question at most (default: 10)' },
  ...rerankFlags,
  file: {
    value: 'PATTERN',
    help: 'only chunks of these files: a path, a folder, or a pattern such as "notes/*.md"',
  },
  relevant: {
    help: 'with --json: add the ids of relevant chunks to each line, and a last line with the measures, for questions with passages',
  },
  json: { help: 'print a line of JSON for each question: {id, hits: [{id, file, start, end, score, text}]}' },
} as const satisfies FlagSpecs;

type SearchFlags = Flags<typeof searchFlags>;

const TOP = 10;
/** Ranks that the measures look at. */
const MEASURED = Math.max(...RECALL_RANKS);
/** Characters of a chunk that the list shows. */
const SHOWN = 200;

export interface SearchQuestion {
  readonly id: string | number;
  readonly text: string;
  readonly kind: string | undefined;
  readonly passages: readonly Passage[];
}

/** A question with its ranking. */
interface Answered extends SearchQuestion {
  readonly ranking: readonly Reranked[];
  /** The relevant chunks of each passage that the index holds. */
  readonly relevant: readonly (readonly number[])[];
  /** Passages that the index does not hold. */
  readonly missing: number;
}

export async function searchCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(searchFlags, args);
  const method = flags.choice('method', SEARCH_METHODS) ?? 'cosine';
  const path = flags.required('index');
  const top = flags.integer('top', 1) ?? TOP;
  const questions = await readQuestions(flags);
  const reranker = await Reranker.open(flags, output);
  const search = await IndexSearch.open(
    path,
    { method, files: flags.text('file'), encoder: flags, device: reranker?.device },
    output,
  );
  const { chunks } = search;
  const asked = await search.embed(
    questions.map(({ text }) => text),
    output,
  );
  const relevance = new Relevance(chunks);
  const began = performance.now();
  const answered: Answered[] = [];
  for (const [at, question] of questions.entries()) {
    const relevant = question.passages.map((passage) => relevance.relevantTo(passage));
    const max = Math.max(top, question.passages.length > 0 ? MEASURED : 0, reranker?.top ?? 0);
    answered.push({
      ...question,
      ranking: await search.find(asked[at], max),
      relevant: relevant.map((places) => places ?? []),
      missing: relevant.filter((places) => places === undefined).length,
    });
  }
  const seconds = (performance.now() - began) / 1000;
  search.close();
  const ranked = reranker ? await withSecondRanking(answered, chunks, reranker) : answered;

  const json = flags.on('json');
  for (const one of ranked)
    output.result(json ? jsonLine(one, chunks, top, flags.on('relevant')) : listed(one, chunks, top));
  output.line(
    `Searched ${plural(chunks.length, 'chunk')} for ${plural(questions.length, 'question')} by ${method}: ${((1000 * seconds) / questions.length).toFixed(1)} ms each`,
  );
  reportMeasures(ranked, { json: json && flags.on('relevant') }, output);
}

/** The questions with the first chunks of each ranking in the order of the language model. @throws GraftError as `Reranker.rank` */
async function withSecondRanking(
  answered: readonly Answered[],
  chunks: readonly ChunkEntry[],
  reranker: Reranker,
): Promise<Answered[]> {
  const rankings = await reranker.rank(
    answered.map(({ text, ranking }) => ({ question: text, ranking })),
    (chunk) => chunks[chunk].text,
  );
  return answered.map((one, at) => ({ ...one, ranking: rankings[at] }));
}

/** @throws GraftError `arguments`, `query-row`, `query-empty` */
async function readQuestions(flags: SearchFlags): Promise<SearchQuestion[]> {
  const [single, file] = [flags.text('query'), flags.text('queries')];
  if ((single === undefined) === (file === undefined))
    throw new GraftError('arguments', 'One of --queries and --query is needed, and not both.', '');
  if (single?.trim() === '') throw new GraftError('arguments', '--query is empty.', 'Write a question.');
  if (single !== undefined) return [{ id: 1, text: single, kind: undefined, passages: [] }];
  const questions = await readJsonLines(file!, {
    code: 'query-row',
    remedy:
      'Write {"question": "…"} on each line, and perhaps an "id" and "passages" of {"doc", "start", "end"}.',
    read: questionOfRow,
  });
  if (questions.length === 0)
    throw new GraftError('query-empty', `${file} has no questions.`, 'Write {"question": "…"} on each line.');
  return questions;
}

/** The question of a row, with its passages. @param fault makes the error of its line @param number of the line, the id of a row without one */
export function questionOfRow(
  row: JsonObject,
  fault: (what: string) => GraftError,
  number: number,
): SearchQuestion {
  const { id = number, question, query, text, kind, passages = [] } = row;
  const asked = question ?? query ?? text;
  if (typeof asked !== 'string' || asked.trim() === '') throw fault('has no question');
  if (typeof id !== 'string' && typeof id !== 'number')
    throw fault('has an id that is neither text nor a number');
  if (!Array.isArray(passages)) throw fault('has passages that are not a list');
  return {
    id,
    text: asked,
    kind: typeof kind === 'string' ? kind : undefined,
    passages: (passages as unknown[]).map((passage) => {
      const read = readPassage(passage);
      if (!read) throw fault('has a passage without "doc" (or "file"), "start" and "end"');
      return read;
    }),
  };
}

function jsonLine(
  { id, ranking, relevant, passages }: Answered,
  chunks: readonly ChunkEntry[],
  top: number,
  withRelevant: boolean,
): string {
  const hits = ranking.slice(0, top).map(({ chunk, score, likelihood }) => {
    const { id: chunkId, file, start, end, text, page } = chunks[chunk];
    return {
      ...{ id: chunkId, file, ...(page !== null && { page }), start, end, score },
      ...(likelihood !== undefined && { likelihood }),
      text,
    };
  });
  const ids = relevant.map((places) => places.map((place) => chunks[place].id));
  return `${JSON.stringify({ id, hits, ...(withRelevant && passages.length > 0 && { relevant: ids }) })}\n`;
}

/** Where a chunk stands. */
export const placeInWords = ({
  file,
  start,
  end,
  page,
}: Pick<ChunkEntry, 'file' | 'start' | 'end' | 'page'>): string =>
  `${file} ${start}–${end}${page === null ? '' : `, page ${page}`}`;

/** A question and its chunks for a person to read. */
function listed({ id, text, ranking }: Answered, chunks: readonly ChunkEntry[], top: number): string {
  const hits = ranking.slice(0, top).map(({ chunk, score, likelihood }, at) => {
    const { file, start, end, text: content, page } = chunks[chunk];
    const line = content.replaceAll(/\s+/g, ' ');
    const shown = line.length > SHOWN ? `${line.slice(0, SHOWN)} …` : line;
    const place = placeInWords({ file, start, end, page });
    const again = likelihood === undefined ? '' : `  ${fixed(likelihood, 2)} nats per token`;
    return `${String(at + 1).padStart(3)}  ${fixed(score, 3)}${again}  ${place}\n     ${shown}\n`;
  });
  return `${id}  ${text}\n${hits.length > 0 ? hits.join('') : '     Nothing found.\n'}\n`;
}

/** The measures over all questions that have passages, and over each kind of them. */
function reportMeasures(
  answered: readonly Answered[],
  { json }: { readonly json: boolean },
  output: Output,
): void {
  const judged = answered.filter(({ passages }) => passages.length > 0);
  if (judged.length === 0) return;
  const kinds = [...new Set(judged.flatMap(({ kind }) => kind ?? []))];
  const groups: [name: string, measures: Measures][] = [
    ['all', measure(judged.map(toJudge))],
    ...kinds.map((kind): [string, Measures] => [
      kind,
      measure(judged.filter((one) => one.kind === kind).map(toJudge)),
    ]),
  ];
  const missing = judged.reduce((sum, one) => sum + one.missing, 0);
  if (json)
    output.result(
      `${JSON.stringify({
        measures: Object.fromEntries(groups.map(([name, measures]) => [name, namedMeasures(measures)])),
        passages_missing: missing,
      })}\n`,
    );
  for (const [name, { questions, recall, mrr }] of groups)
    output.line(
      `${name === 'all' ? 'All' : name}, ${plural(questions, 'question')}: ${RECALL_RANKS.map((rank) => `recall@${rank} ${recall[rank].toFixed(3)}`).join(', ')}, MRR@${MEASURED} ${mrr.toFixed(3)}`,
    );
  if (missing > 0)
    output.line(
      `${plural(missing, 'passage')} (${percent(missing / judged.reduce((sum, { passages }) => sum + passages.length, 0))}) cannot be found in the index, and count as not found.`,
    );
}

const toJudge = ({ ranking, relevant }: Answered): JudgedSearch => ({
  ranking: ranking.map(({ chunk }) => chunk),
  relevant,
});

function namedMeasures({ questions, recall, mrr }: Measures): Record<string, number> {
  return {
    ...Object.fromEntries(RECALL_RANKS.map((rank) => [`recall@${rank}`, recall[rank]])),
    [`mrr@${MEASURED}`]: mrr,
    questions,
  };
}

/**
 * A text → chunks: whole sentences up to a token limit, with an overlap of whole sentences. Each chunk knows its place in the text, as UTF-16 code
 * units. Takes time linear in the text.
 */
import { GraftError } from '../errors.ts';

/** Where chunks may not go beyond: nowhere, the next heading, or the end of a page. */
export const CHUNK_BORDERS = ['sentences', 'headings', 'pages'] as const;
export type ChunkBorders = (typeof CHUNK_BORDERS)[number];

export interface ChunkSettings {
  /** Tokens of a chunk at most, special tokens not counted. */
  readonly tokens: number;
  /** Tokens at most that a chunk shares with the chunk before it. */
  readonly overlap: number;
}

export const CHUNK_DEFAULTS: ChunkSettings = { tokens: 200, overlap: 40 };

/** One character may have so many tokens: some vocabularies spell bytes, or a ligature as its words. */
export const MIN_CHUNK_TOKENS = 32;

export interface Chunk {
  /** The first code unit, which is not space. */
  readonly start: number;
  /** The code unit after the last one. */
  readonly end: number;
  /** The sum of its sentences' tokens. */
  readonly tokens: number;
  readonly text: string;
}

/** A sentence, or a part of one that is too long. Space after it belongs to it. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

const SENTENCE_END = /[.!?]["'\u201d\u2019)\]]*[ \t\r\n\u00a0]+|\n[ \t\r]*\n[ \t\r\n\u00a0]*/g;
const RUN = /[^ \t\r\n\u00a0]+/g;
const SPACE = ' \t\r\n\u00a0';

/**
 * The chunks of a text, in its order. They hold all of it except space.
 *
 * @param borders places that no chunk spans, in ascending order, such as the starts of headings
 * @param countTokens tokens of a run of characters without space, special tokens not counted. Tokens add up across space in every vocabulary that
 *   splits at it, as those of encoders do
 * @throws GraftError `chunk-settings`, and what `countTokens` throws
 */
export function chunksOf(
  text: string,
  countTokens: (run: string) => number,
  settings: ChunkSettings = CHUNK_DEFAULTS,
  borders: readonly number[] = [],
): Chunk[] {
  checkChunkSettings(settings);
  const starts = [0, ...borders];
  return starts.flatMap((from, at) =>
    sectionChunks(text.slice(from, starts[at + 1]), countTokens, settings).map((chunk) => ({
      ...chunk,
      start: from + chunk.start,
      end: from + chunk.end,
    })),
  );
}

function sectionChunks(
  text: string,
  countTokens: (run: string) => number,
  { tokens: limit, overlap }: ChunkSettings,
): Chunk[] {
  const pieces = piecesOf(text, countTokens, limit);
  const chunks: Chunk[] = [];
  for (let first = 0; first < pieces.length;) {
    let next = first;
    let sum = 0;
    // A single character may be over the limit: it is a chunk then.
    while (next < pieces.length && (next === first || sum + pieces[next].tokens <= limit))
      sum += pieces[next++].tokens;
    const chunk = trimmed(text, pieces[first].start, pieces[next - 1].end, sum);
    if (chunk) chunks.push(chunk);
    if (next === pieces.length) break;
    const max = Math.min(overlap, limit - pieces[next].tokens);
    let shared = 0;
    let start = next;
    while (start - 1 > first && shared + pieces[start - 1].tokens <= max) shared += pieces[--start].tokens;
    first = start;
  }
  return chunks;
}

/** @throws GraftError `chunk-settings` */
export function checkChunkSettings({ tokens, overlap }: ChunkSettings): void {
  const wrong = (what: string, remedy: string): GraftError => new GraftError('chunk-settings', what, remedy);
  if (!Number.isInteger(tokens) || tokens < MIN_CHUNK_TOKENS)
    throw wrong(
      `Chunks have at most ${tokens} tokens, expected a whole number of at least ${MIN_CHUNK_TOKENS}.`,
      `200 is usual.`,
    );
  if (!Number.isInteger(overlap) || overlap < 0 || overlap >= tokens)
    throw wrong(
      `Chunks overlap by ${overlap} tokens, expected a whole number below their limit of ${tokens}.`,
      '40 is usual, and 0 shares nothing.',
    );
}

function trimmed(text: string, from: number, to: number, tokens: number): Chunk | undefined {
  let [start, end] = [from, to];
  while (start < end && SPACE.includes(text[start])) start++;
  while (end > start && SPACE.includes(text[end - 1])) end--;
  return start === end ? undefined : { start, end, tokens, text: text.slice(start, end) };
}

/** The sentences of a text, none of which has more tokens than the limit. */
function piecesOf(text: string, countTokens: (run: string) => number, limit: number): Piece[] {
  const pieces: Piece[] = [];
  const runs = runsOf(text, countTokens);
  let run = runs.next();
  for (const [start, end] of sentencesOf(text)) {
    const own: Piece[] = [];
    for (; !run.done && run.value.start < end; run = runs.next()) own.push(run.value);
    const tokens = own.reduce((sum, one) => sum + one.tokens, 0);
    if (tokens <= limit) pieces.push({ start, end, tokens });
    else pieces.push(...filled({ start, end }, split(text, own, countTokens, limit), limit));
  }
  return pieces;
}

function* sentencesOf(text: string): Generator<readonly [start: number, end: number]> {
  let start = 0;
  for (const match of text.matchAll(SENTENCE_END)) {
    const end = match.index + match[0].length;
    yield [start, end];
    start = end;
  }
  if (start < text.length) yield [start, text.length];
}

function* runsOf(text: string, countTokens: (run: string) => number): Generator<Piece, undefined> {
  for (const { 0: run, index } of text.matchAll(RUN))
    yield { start: index, end: index + run.length, tokens: countTokens(run) };
  return undefined;
}

/** Runs as they are, and those of more tokens than the limit in parts. */
function split(
  text: string,
  runs: readonly Piece[],
  countTokens: (run: string) => number,
  limit: number,
): Piece[] {
  return runs.flatMap((run) => (run.tokens <= limit ? [run] : partsOf(text, run, countTokens, limit)));
}

/** A run in parts of `limit` characters; smaller ones if these still have more tokens. No character is divided. */
function partsOf(
  text: string,
  { start, end }: Pick<Piece, 'start' | 'end'>,
  countTokens: (run: string) => number,
  limit: number,
): Piece[] {
  const parts: Piece[] = [];
  const cut = (from: number, to: number): void => {
    const tokens = countTokens(text.slice(from, to));
    const middle = wholeCharacter(text, from + Math.ceil((to - from) / 2), from);
    if (tokens <= limit || middle >= to) parts.push({ start: from, end: to, tokens });
    else {
      cut(from, middle);
      cut(middle, to);
    }
  };
  for (let from = start; from < end;) {
    const to = Math.min(end, wholeCharacter(text, from + limit, from));
    cut(from, to);
    from = to;
  }
  return parts;
}

/** The border of a character at or before a place, or after the first character after `from`. */
function wholeCharacter(text: string, at: number, from: number): number {
  const isInside = (text.codePointAt(at - 1) ?? 0) > 0xffff;
  if (!isInside) return at;
  return at - 1 > from ? at - 1 : at + 1;
}

/** As few pieces of a sentence as hold its runs in order, each up to the limit. */
function filled(sentence: Pick<Piece, 'start' | 'end'>, runs: readonly Piece[], limit: number): Piece[] {
  const pieces: Piece[] = [];
  let { start } = sentence;
  let tokens = 0;
  for (const run of runs) {
    if (tokens + run.tokens > limit && tokens > 0) {
      pieces.push({ start, end: run.start, tokens });
      [start, tokens] = [run.start, 0];
    }
    tokens += run.tokens;
  }
  pieces.push({ start, end: sentence.end, tokens });
  return pieces;
}

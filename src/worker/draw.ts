/** The held-out questions that are asked: drawn by the seed of the split, the same for every method. */
import { drawOrder, labelCounts } from '../evaluate/draw.ts';
import type { Draw } from './api.ts';
import type { DataSet } from './data.ts';
import type { OpenModel } from './model.ts';
import { promptIds, type Question } from './questions.ts';

/** Tokens of an answer: room for the longest expected one and a little more, within these. */
const ANSWER_TOKENS = { least: 64, spare: 16, most: 512 };
/** The seed for rows whose split is unknown: those that a run kept for itself. */
const DEFAULT_SEED = 42;

/** A question as token ids. */
export interface Asked extends Question {
  readonly ids: readonly number[];
}

export interface Drawn {
  /** Indices of the questions, in the order in which they were drawn. */
  readonly chosen: readonly number[];
  readonly asked: readonly Asked[];
  /** Tokens that an answer may take. */
  readonly newTokens: number;
  readonly draw: Draw;
}

/** The first `rows` questions of the drawn order whose prompt leaves room for an answer. */
export function drawQuestions(
  { questions, options }: Pick<DataSet, 'questions' | 'options'>,
  rows: number,
  { tokenizer, info: { maxPositions } }: OpenModel,
): Drawn {
  const { least, spare, most } = ANSWER_TOKENS;
  const answers = questions.map(({ expected }) => expected);
  // From all questions, not from those drawn: what the base answers must not depend on how many are asked.
  const longest = answers.reduce((length, text) => Math.max(length, tokenizer.encode(text).length), 0);
  const newTokens = Math.min(Math.max(least, longest + spare), most, Math.floor(maxPositions / 2));
  const seed = options?.seed ?? DEFAULT_SEED;
  const chosen: number[] = [];
  const asked: Asked[] = [];
  let tooLong = 0;
  for (const at of drawOrder(answers, seed)) {
    if (chosen.length >= rows) break;
    const ids = promptIds(questions[at], tokenizer);
    if (ids.length + newTokens > maxPositions) {
      tooLong++;
      continue;
    }
    chosen.push(at);
    asked.push({ ...questions[at], ids });
  }
  const labels = labelCounts(answers, chosen);
  return {
    chosen,
    asked,
    newTokens,
    draw: { seed, of: questions.length, tooLong, ...(labels && { labels }) },
  };
}

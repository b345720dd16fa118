/** Questions with answers, and an index → the rows that teach to answer from passages, as `graft passages` and the page write them. */
import type { AnswerTemplate } from './answer-template.ts';
import {
  drawPassageRows,
  writtenRow,
  type AnsweredQuestion,
  type DrawnRow,
  type PassageRowPlan,
  type WITHOUT_ANSWERS,
} from './passage-rows.ts';
import type { PassagesTemplate, PassageSource } from './passages-prompt.ts';
import { Relevance } from './relevance.ts';

export interface QuestionWithId extends AnsweredQuestion {
  readonly id: string | number;
}

/** A question that is left out, and why, as in "quotes …". */
export interface LeftOut {
  readonly id: string | number;
  readonly why: string;
}

export interface MadeRow {
  readonly question: QuestionWithId;
  readonly row: DrawnRow;
  readonly prompt: string;
  readonly answer: string;
}

/** Chunks in the order of the index, and their search. */
export interface SearchedChunks {
  readonly chunks: readonly PassageSource[];
  /** Places of the best chunks for each question, best first. Not called for random distractors. */
  rank(questions: readonly string[], max: number): Promise<readonly (readonly number[])[]>;
}

export interface RowChoice extends PassageRowPlan {
  /** What a row without its right passages answers. */
  readonly withoutAnswer: (typeof WITHOUT_ANSWERS)[number];
  readonly prompt: PassagesTemplate;
  readonly answer: AnswerTemplate;
}

/** @returns a row or a reason for each question, in their order @throws GraftError `passages-template`, `answer-template`, and what `rank` throws */
export async function makeRows(
  questions: readonly QuestionWithId[],
  { chunks, rank }: SearchedChunks,
  choice: RowChoice,
): Promise<{ readonly rows: MadeRow[]; readonly leftOut: LeftOut[] }> {
  const { withoutAnswer, prompt, answer, ...plan } = choice;
  const relevance = new Relevance(chunks);
  // As many as a row has passages when all its relevant ones are taken away.
  const relevant = questions.map(({ passages }) =>
    passages.reduce((sum, passage) => sum + (relevance.relevantTo(passage)?.length ?? 0), 0),
  );
  const rankings =
    plan.distractors === 'random'
      ? []
      : await rank(
          questions.map(({ text }) => text),
          plan.count + Math.max(0, ...relevant),
        );
  const rows: MadeRow[] = [];
  const leftOut: LeftOut[] = [];
  drawPassageRows(questions, { chunks, relevance, rankings }, plan).forEach((row, at) => {
    const question = questions[at];
    if ('problem' in row) leftOut.push({ id: question.id, why: row.problem });
    else
      rows.push({
        ...{ question, row },
        ...writtenRow(question, row, chunks, { prompt, answer, without: withoutAnswer }),
      });
  });
  return { rows, leftOut };
}

/** The lines of a JSONL file: a conversation each, and columns that say how it was made. */
export const rowLines = (rows: readonly MadeRow[], chunks: readonly PassageSource[]): string =>
  rows
    .map(({ question, row, prompt, answer }) =>
      JSON.stringify({
        id: question.id,
        messages: [
          { role: 'user', content: prompt },
          { role: 'assistant', content: answer },
        ],
        oracle: row.oracle,
        context: row.context.map((chunk) => chunks[chunk].id),
        quotes: row.quotes.map(({ text }) => text),
      }),
    )
    .map((line) => `${line}\n`)
    .join('');

export interface RowCounts {
  readonly rows: number;
  readonly withPassage: number;
  readonly withoutPassage: number;
  readonly unanswerable: number;
  /** UTF-16 code units. */
  readonly longestPrompt: number;
}

/** How many rows have the right passage, and the longest prompt in characters. */
export function countRows(rows: readonly MadeRow[]): RowCounts {
  const unanswerable = rows.filter(({ question }) => question.passages.length === 0).length;
  const withPassage = rows.filter(({ row }) => row.oracle).length;
  return {
    rows: rows.length,
    withPassage,
    withoutPassage: rows.length - withPassage - unanswerable,
    unanswerable,
    longestPrompt: rows.reduce((max, { prompt }) => Math.max(max, prompt.length), 0),
  };
}

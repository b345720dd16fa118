/** The rows of an evaluation: which of them ask for something, and what is wrong where none can be measured. */
import type { Example } from '../data/example.ts';
import { promptQuestionsOf, questionsOf, questionsOfRows } from '../data/questions.ts';
import type { Pair } from '../evaluate/methods/method.ts';
import { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { answerProblem } from '../rewards/specs.ts';
import type { PARTS } from './evaluate-flags.ts';
import type { ChosenRewards } from './evaluate-rewards.ts';
import type { PlacedRow } from './open-rows.ts';

export type Part = (typeof PARTS)[number];

/** Rows for the distance of an adapter from the base: as in a run those of validation, or else of training. */
export function ownRows(placed: readonly PlacedRow[], measured: readonly PlacedRow[]): LabelledTokens[] {
  const rowsOf = (fate: PlacedRow['fate']): PlacedRow[] => placed.filter((one) => one.fate === fate);
  const own = [rowsOf('validation'), rowsOf('train')].find((rows) => rows.length > 0) ?? measured;
  return own.map(({ row }) => row);
}

/** Rows with a question, each with its place among all rows. */
export function pairsOf(placed: readonly PlacedRow[], chat: boolean): (Pair & { readonly row: number })[] {
  return placed.flatMap((one, row) => {
    const { example } = one;
    return example ? questionsOfRows([one], chat).map((question) => ({ example, question, row })) : [];
  });
}

/** Prompts alone, each with its place among all rows. */
export function promptPairsOf(
  placed: readonly PlacedRow[],
  chat: boolean,
): (Pair & { readonly row: number })[] {
  return placed.flatMap(({ example }, row) =>
    example ? promptQuestionsOf([example], chat).map((question) => ({ example, question, row })) : [],
  );
}

/** @throws GraftError `evaluate-rows` where nothing can score the answers to prompts alone */
export function checkPrompts(chosen: ChosenRewards | undefined): void {
  const why = chosen ? answerProblem(chosen.specs) : 'The rows are prompts without answers.';
  if (why !== undefined)
    throw new GraftError(
      'evaluate-rows',
      why,
      'Give rewards that need no wanted answer with --reward, or rows with answers.',
    );
}

/** The questions that rows were made of; undefined where a row has none, or is cut. */
export function wholeExamples(placed: readonly PlacedRow[], chat: boolean): Example[] | undefined {
  const examples = placed.flatMap(({ example, cut }) =>
    example && !cut && questionsOf([example], chat).length > 0 ? [example] : [],
  );
  return examples.length === placed.length ? examples : undefined;
}

export function noRows(part: Part): GraftError {
  return new GraftError(
    'evaluate-rows',
    part === 'all' ? 'The data has no row that can be measured.' : `The data has no rows of ${part}.`,
    part === 'validation'
      ? 'Split some off with --val-fraction.'
      : 'Give --test-data with test rows of their own, --test-fraction to split some off as graft train does, or --split all to measure the whole file.',
  );
}

/** The rows of an evaluation: which of them ask for something, and what is wrong if none can be measured. */
import type { Example } from '../data/example.ts';
import { promptQuestionsOf, questionsOf, questionsOfRows } from '../data/questions.ts';
import type { Draw } from '../evaluate/record.ts';
import { adapterFewShot } from '../evaluate/methods/few-shot.ts';
import type { Pair } from '../evaluate/methods/method.ts';
import { adapterRetrieval } from '../evaluate/methods/retrieval.ts';
import { rowsInWords } from '../evaluate/rows-in-words.ts';
import { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { count, plural } from '../numbers.ts';
import { answerProblem } from '../scorers/rewards/specs.ts';
import type { ASKED_PARTS } from './evaluate-flags.ts';
import type { ChosenRewards } from './evaluate-rewards.ts';
import type { PlacedRow } from './open-rows.ts';

export type AskedPart = (typeof ASKED_PARTS)[number];

/** Rows for the distance of an adapter from the base: as in a run those of validation, or else of training. */
export function ownRows(placed: readonly PlacedRow[], measured: readonly PlacedRow[]): LabelledTokens[] {
  const rowsOf = (fate: PlacedRow['fate']): PlacedRow[] => placed.filter((one) => one.fate === fate);
  const own = [rowsOf('validation'), rowsOf('train')].find((rows) => rows.length > 0) ?? measured;
  return own.map(({ row }) => row);
}

/** Rows with a question, each with its place among all rows. */
export function placedPairs(
  placed: readonly PlacedRow[],
  chat: boolean | string,
): (Pair & { readonly row: number })[] {
  return placed.flatMap((one, row) => {
    const { example } = one;
    return example ? questionsOfRows([one], chat).map((question) => ({ example, question, row })) : [];
  });
}

/** Prompts alone, each with its place among all rows. */
export function placedPromptPairs(
  placed: readonly PlacedRow[],
  chat: boolean,
): (Pair & { readonly row: number })[] {
  return placed.flatMap(({ example }, row) =>
    example ? promptQuestionsOf([example], chat).map((question) => ({ example, question, row })) : [],
  );
}

/** @throws GraftError `evaluate-rows` if nothing can score the answers to prompts alone */
export function checkPrompts(chosen: ChosenRewards | undefined): void {
  const why = chosen ? answerProblem(chosen.specs) : 'The rows are prompts without answers.';
  if (why !== undefined)
    throw new GraftError(
      'evaluate-rows',
      why,
      'Give rewards that need no reference answer with --reward, or rows with answers.',
    );
}

/** The questions that rows were made of; undefined if a row has none, or is cut. */
export function wholeExamples(placed: readonly PlacedRow[], chat: boolean): Example[] | undefined {
  const examples = placed.flatMap(({ example, cut }) =>
    example && !cut && questionsOf([example], chat).length > 0 ? [example] : [],
  );
  return examples.length === placed.length ? examples : undefined;
}

const PART_ROWS: Readonly<Record<AskedPart, string>> = {
  test: 'test rows',
  validation: 'validation rows',
  train: 'training rows',
  all: 'rows',
};

const NO_ROWS: Readonly<Record<AskedPart, string>> = {
  test: 'Give --test-data a file of test rows, hold some out with --test-fraction 0.1 as graft train does, or draw from the whole file with --split all.',
  validation: 'Hold some out with --val-fraction, at the value and the --split-seed of the run.',
  train: 'Lower --val-fraction and --test-fraction, so that some are left.',
  all: 'The lines above say why each row was left out.',
};

export function noRows(part: AskedPart): GraftError {
  return new GraftError(
    'evaluate-rows',
    part === 'all' ? 'The data has no row that can be measured.' : `The data has no ${PART_ROWS[part]}.`,
    NO_ROWS[part],
  );
}

/** The rows that were asked, of how many, and the flag that asks all of them. */
export function askedInWords(part: AskedPart, asked: number, draw: Draw): string {
  const { of, tooLong, seed } = draw;
  const isAll = asked + tooLong >= of;
  const all = isAll ? '' : ` --rows ${of} asks all of them.`;
  if (part === 'test') return `${rowsInWords(asked, draw)}${all}`;
  const left = tooLong > 0 ? ` ${plural(tooLong, 'row')} left out: too long for this model to answer.` : '';
  const drawn =
    asked === of
      ? `All ${count(of)} ${PART_ROWS[part]}.`
      : `${count(asked)} of ${count(of)} ${PART_ROWS[part]}${isAll ? '' : `, drawn at random with seed ${seed}`}.`;
  return `${drawn}${all}${left}`;
}

/** Who answers, before it has answered. @param method its name */
export const whoInWords = (method: string, label: string): string =>
  method === adapterFewShot.name
    ? `${label}, with examples`
    : method === adapterRetrieval.name
      ? `${label}, with passages`
      : label;

/** Why a method that answers from training rows is left out. @param training how many rows there are to answer from */
export function methodLeftOutInWords(title: string, part: AskedPart, training: number): string {
  const why =
    training > 0
      ? `${training === 1 ? 'there is' : 'there are'} only ${plural(training, 'training row')} to answer from`
      : part === 'all'
        ? '--split all measures every row and keeps none to answer from'
        : 'there are no training rows to answer from';
  return `${title}: left out, since ${why}.`;
}

/** The rows of an evaluation: which of them ask for something, and what is wrong if none can be measured. */
import type { Example } from '../data/example.ts';
import { wholeNumbers } from '../data/number-column.ts';
import { promptQuestionsOf, questionsOf, type Question } from '../data/questions.ts';
import type { ReservedRows } from '../evaluate/draw.ts';
import type { Draw } from '../evaluate/record.ts';
import { adapterFewShot } from '../evaluate/methods/few-shot.ts';
import type { Demonstration } from '../evaluate/methods/method.ts';
import { adapterRetrieval } from '../evaluate/methods/retrieval.ts';
import { reservedInWords, rowsInWords } from '../evaluate/rows-in-words.ts';
import { GraftError } from '../errors.ts';
import { isHeld, itemOf, itemsOf, spread, type List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { count, plural } from '../numbers.ts';
import { answerProblem } from '../scorers/rewards/specs.ts';
import {
  askedShots,
  chosenMethods,
  hasExamples,
  type ASKED_PARTS,
  type EvaluateFlags,
} from './evaluate-flags.ts';
import type { ChosenRewards } from './evaluate-rewards.ts';
import { rowsWith, type PlacedRow } from './placed-rows.ts';

export type AskedPart = (typeof ASKED_PARTS)[number];

/** Flags that hold rows out, or bring test rows. */
const HOLDING_OUT = ['test-data', 'test-fraction', 'val-fraction'] as const;

/** The part that is measured: a file without test rows is one of test rows, unless a flag asks for a split. @param asked with --split */
export function measuredPart(
  flags: EvaluateFlags,
  all: List<PlacedRow>,
  asked: AskedPart | undefined,
): AskedPart {
  if (asked !== undefined) return asked;
  const isSplit =
    HOLDING_OUT.some((name) => flags.isGiven(name)) || rowsWith(all, (fate) => fate === 'test').length > 0;
  return isSplit ? 'test' : 'all';
}

/** The share of the rows that methods by default may reserve as examples. */
const RESERVED_BY_DEFAULT = 0.1;

/** The rows that are reserved as examples; undefined if no method needs some, or other rows are there. @param learned as for `chosenMethods` */
export function reservedRows(
  flags: EvaluateFlags,
  part: AskedPart,
  learned: boolean | undefined,
): { of(questions: number): ReservedRows } | undefined {
  if (part !== 'all' || !chosenMethods(flags, learned).some(hasExamples)) return undefined;
  const counts = askedShots(flags);
  const isDefault = !flags.isGiven('methods');
  return {
    of: (questions) => ({
      counts,
      most: isDefault ? Math.floor(RESERVED_BY_DEFAULT * questions) : questions - 1,
    }),
  };
}

/** Rows of a large file for the distance of an adapter, spread evenly. */
const OWN_ROWS = 512;

/** Rows for the distance of an adapter from the base: as in a run those of validation, or else of training. */
export function ownRows(all: List<PlacedRow>, measured: List<PlacedRow>): LabelledTokens[] {
  const rowsOf = (fate: PlacedRow['fate']): List<PlacedRow> => rowsWith(all, (one) => one === fate);
  const own = [rowsOf('validation'), rowsOf('train')].find((rows) => rows.length > 0) ?? measured;
  return (isHeld(own) ? own : spread(own, OWN_ROWS)).map(({ row }) => row);
}

/** An example with its question, and its place among the rows. */
export type RowPair = Demonstration & { readonly row: number };

/** The question of an example, if it has one. */
type QuestionOf = (example: Example) => Question | undefined;

export const answeredQuestion =
  (template: string | false): QuestionOf =>
  (example) =>
    questionsOf([example], template).at(0);

export const promptQuestion =
  (chat: boolean): QuestionOf =>
  (example) =>
    promptQuestionsOf([example], chat).at(0);

/**
 * The rows with a question. Those of a large file are read once, and again when they are asked for.
 *
 * @param see takes each question in this order
 */
export function questionPairs(
  rows: List<PlacedRow>,
  questionOf: QuestionOf,
  see: (question: Question) => void = () => undefined,
): List<RowPair> {
  const pairOf = ({ example, task }: PlacedRow, row: number): RowPair | undefined => {
    const asked = example && questionOf(example);
    return asked && { example, question: task ? { ...asked, task: task.name } : asked, row };
  };
  const held: RowPair[] | undefined = isHeld(rows) ? [] : undefined;
  const places = wholeNumbers();
  let row = 0;
  for (const one of itemsOf(rows)) {
    const pair = pairOf(one, row);
    if (pair) {
      see(pair.question);
      if (held) held.push(pair);
      else places.push(row);
    }
    row++;
  }
  return (
    held ?? {
      length: places.length,
      at: (index) =>
        index >= 0 && index < places.length
          ? pairOf(itemOf(rows, places.at(index)), places.at(index))
          : undefined,
    }
  );
}

/** The questions of several lists, read each time that they are asked for. */
export const questionsIn = (...lists: readonly List<Demonstration>[]): Iterable<Question> => ({
  *[Symbol.iterator]() {
    for (const list of lists) for (const { question } of itemsOf(list)) yield question;
  },
});

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
  const reserved = draw.reserved ? ` ${reservedInWords(draw.reserved)}` : '';
  return `${drawn}${all}${left}${reserved}`;
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
        ? 'all rows are measured, and no training rows are there to answer from'
        : 'there are no training rows to answer from';
  return `${title}: left out, since ${why}.`;
}

/** A method of --methods that answers from training rows, of which there are none. */
export const noTraining = (): GraftError =>
  new GraftError(
    'evaluate-rows',
    'There are no training rows to answer from.',
    'Give them as --data, and the rows to ask as --test-data.',
  );

/** A method of --methods that needs more examples than can be reserved. @param questions how many rows ask for something */
export const tooFewExamples = (shots: number, questions: number): GraftError =>
  new GraftError(
    'evaluate-shots',
    `${shots} examples are asked for, and of the ${questions} rows that ask for something none would be left to ask.`,
    'Ask for fewer examples, or give training rows as --data and the rows to ask as --test-data.',
  );

/** The rows whose loss a measurement takes: those that are asked, or the whole test part. */
import { promptQuestionsOf, questionsOf } from '../data/questions.ts';
import type { UsedEntry, RowSet } from '../data/row-set.ts';
import { drawRows, type Drawn } from './draw.ts';
import type { TestPart } from './open-eval-model.ts';
import type { Pair } from './methods/method.ts';

/** Rows of the loss: those that are asked, or the whole test part. */
export type LossOf = 'asked' | 'all';

/** An example with a question, and its row. */
export interface PlacedPair extends Pair {
  readonly place: UsedEntry;
}

/** Examples of a part that have a question, each with its question and its row. */
export function pairsOf({ places }: RowSet, part: UsedEntry['part'], chat: boolean | string): PlacedPair[] {
  return places.flatMap((place): PlacedPair[] => {
    const { part: of, example } = place;
    if (of !== part || !example) return [];
    return questionsOf([example], chat).map((question) => ({ example, question, place }));
  });
}

/** Test rows that are prompts without an answer, if all of them are; otherwise none. Only rewards can score what is said to them. */
export function promptPairsOf({ places }: RowSet, chat: boolean): PlacedPair[] {
  const test = places.filter(({ part }) => part === 'test');
  const pairs = test.flatMap((place): PlacedPair[] => {
    const { example } = place;
    if (!example) return [];
    return promptQuestionsOf([example], chat).map((question) => ({ example, question, place }));
  });
  return pairs.length === test.length ? pairs : [];
}

export interface LossPart extends TestPart {
  readonly key: string;
}

/**
 * @param pairs of the test part, in the order of the questions
 * @param rows how many are measured if no row has a question
 */
export function lossPart(
  data: RowSet,
  pairs: readonly PlacedPair[],
  { chosen, draw }: Drawn,
  { rows, lossOf }: { readonly rows: number; readonly lossOf: LossOf },
): LossPart {
  const test = data.places.filter(({ part }) => part === 'test');
  // A run that is resumed after a reload has rows without their examples: then questions and rows are matched only if every row has a question.
  const asking = pairs.length > 0 ? pairs.map(({ place }) => place) : test;
  let places = test;
  if (lossOf === 'asked' && chosen.length === 0)
    places = drawRows(test.length, { rows, seed: draw.seed }).map((at) => test[at]);
  else if (lossOf === 'asked' && asking.length === data.questions.length)
    places = chosen.map((at) => asking[at]);
  const whole = new Set(pairs.filter(({ place }) => place.state === 'ok').map(({ place }) => place));
  return {
    key: places === test ? 'all' : places.map((place) => test.indexOf(place)).join(),
    rows: places.map(({ row }) => row),
    examples: places.every((place) => whole.has(place))
      ? places.flatMap(({ example }) => example ?? [])
      : undefined,
  };
}

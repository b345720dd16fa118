/** The rows whose loss a measurement takes: those that are asked, or the whole test part. */
import type { Part } from '../data/parts.ts';
import { promptQuestionsOf, questionsOf } from '../data/questions.ts';
import { placesOf, shapeOfRow, type RowSet, type UsedEntry } from '../data/row-set.ts';
import { changed, isHeld, itemOf, type List } from '../lists.ts';
import { drawRows, type Drawn } from './draw.ts';
import type { TestPart } from './open-eval-model.ts';
import type { Demonstration } from './methods/method.ts';

/** Rows of the loss: those that are asked, or the whole test part. */
export type LossOf = 'asked' | 'all';

/** An example with a question, and its row. */
export interface PlacedPair extends Demonstration {
  readonly place: UsedEntry;
}

function hasQuestion(place: UsedEntry): boolean {
  if (place.large) return place.large.hasQuestion;
  return place.example !== undefined && questionsOf([place.example], false).length > 0;
}

/** Examples of a part that have a question, each with its question and its row; those of large files are read as they are asked for. */
export function pairsOf(data: RowSet, part: Part, chat: boolean | string): List<PlacedPair> {
  const pairsAt = (place: UsedEntry): PlacedPair[] => {
    const { example } = place;
    if (!example) return [];
    return questionsOf([example], chat).map((question) => ({ example, question, place }));
  };
  const places = placesOf(data, part);
  if (!places.some(({ large }) => large)) return places.flatMap(pairsAt);
  const asking = places.filter(hasQuestion);
  return changed({ length: asking.length, at: (index) => asking.at(index) }, (place) => pairsAt(place)[0]);
}

/** Test rows that are prompts without an answer, if all of them are; otherwise none. Only rewards can score what is said to them. */
export function promptPairsOf(data: RowSet, chat: boolean): PlacedPair[] {
  const test = placesOf(data, 'test');
  // Each of them is a prompt, or none is.
  if (test.some((place) => place.large && !shapeOfRow(place)?.asks)) return [];
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
  pairs: List<PlacedPair>,
  { chosen, draw }: Drawn,
  { rows, lossOf }: { readonly rows: number; readonly lossOf: LossOf },
): LossPart {
  const test = placesOf(data, 'test');
  // A run that is resumed after a reload has rows without their examples: then questions and rows are matched only if every row has a question.
  const asking: List<UsedEntry> = pairs.length > 0 ? changed(pairs, ({ place }) => place) : test;
  let places: readonly UsedEntry[] = test;
  if (lossOf === 'asked' && chosen.length === 0)
    places = drawRows(test.length, { rows, seed: draw.seed }).map((at) => test[at]);
  else if (lossOf === 'asked' && asking.length === data.questions.length)
    places = chosen.map((at) => itemOf(asking, at));
  const paired = isHeld(pairs) ? new Set(pairs.map(({ place }) => place)) : undefined;
  const isWhole = (place: UsedEntry): boolean =>
    place.state === 'ok' && (paired?.has(place) ?? hasQuestion(place));
  return {
    key: places === test ? 'all' : places.map((place) => test.indexOf(place)).join(),
    rows: places.map(({ row }) => row),
    examples: places.every(isWhole) ? places.flatMap(({ example }) => example ?? []) : undefined,
  };
}

/**
 * F1 of fields and entities: answer and reference are JSON, and each is a multiset of pairs of a path and a value. Pairs are counted over all rows together
 * (micro average), as scikit-learn's f1_score does with a column for each pair.
 *
 * The items of a list have no order: its path has no index. An item with a text `type` or `label` and a `text` is an entity, and its path has that type in
 * place of an index, so an entity is right only if both are. Objects and lists without content have no pair, and neither has an answer that is not JSON.
 */
import { aggregateOf, summed } from './parts/corpus.ts';
import { isJsonObject, jsonOf, type Json } from './parts/json-text.ts';
import { TEXT } from './parts/text.ts';
import type { Predicted, TextScorer } from './scorer.ts';

/** Keys; of an item of a list null, and of an entity its type in brackets. */
type Path = readonly (string | null | readonly [type: string])[];

/** How often each pair stands in a text. */
type Pairs = ReadonlyMap<string, number>;

/** The key of an entity's type. */
const typeKey = (item: Json): 'type' | 'label' | undefined =>
  isJsonObject(item) && Object.hasOwn(item, 'text')
    ? (['type', 'label'] as const).find((key) => Object.hasOwn(item, key) && typeof item[key] === 'string')
    : undefined;

function addPairs(value: Json, path: Path, pairs: Map<string, number>): void {
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      const key = typeKey(item);
      if (key === undefined) addPairs(item, [...path, null], pairs);
      else {
        const { [key]: type, ...rest } = item as { readonly [key: string]: Json };
        addPairs(rest, [...path, [type as string]], pairs);
      }
    }
  } else if (isJsonObject(value)) {
    for (const [key, inside] of Object.entries(value)) addPairs(inside, [...path, key], pairs);
  } else {
    const pair = JSON.stringify([path, value]);
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
}

/** @returns undefined for a text that is not JSON */
function pairsOf(text: string): Pairs | undefined {
  const value = jsonOf(text, false);
  if (value === undefined) return undefined;
  const pairs = new Map<string, number>();
  addPairs(value, [], pairs);
  return pairs;
}

/** Pairs in common, and those of both together. */
function counts(answer: string, expected: string): [common: number, all: number] {
  const [given, wanted]: Pairs[] = [pairsOf(answer) ?? new Map(), pairsOf(expected) ?? new Map()];
  let [common, all] = [0, 0];
  for (const count of given.values()) all += count;
  for (const [pair, count] of wanted) {
    all += count;
    common += Math.min(count, given.get(pair) ?? 0);
  }
  return [common, all];
}

/** Where there is nothing to find and nothing was found, all is right. */
const f1 = (common: number, all: number): number => (all === 0 ? 1 : (2 * common) / all);

/** The counts of a row, by the reference that fits best, and 1 for the row; nothing if no reference is JSON. */
function countsOfRow({
  answer,
  references,
}: Predicted): readonly [common: number, all: number, rows: number] {
  const [best] = references
    .filter((reference) => jsonOf(reference, false) !== undefined)
    .map((reference) => counts(answer, reference))
    .sort((a, b) => f1(...b) - f1(...a));
  return (best as typeof best | undefined) ? [...best, 1] : [0, 0, 0];
}

const corpus = (rows: readonly Predicted[]) =>
  summed(rows.map(countsOfRow), ([common, all, scored]) => (scored === 0 ? NaN : f1(common, all)));

export const fieldF1 = {
  ...TEXT,
  name: 'field-f1',
  label: 'F1 of fields and entities',
  heading: 'field F1',
  help: 'F1 of the fields of JSON, nested ones and entities in lists among them, counted over all rows together (micro average). Items of a list have no order, and an answer that is not JSON has no field.',
  entry: {
    title: 'F1 of fields and entities',
    what: 'Every value in the JSON of an answer is right if the reference has it under the same keys. F1 joins the share of the answer’s values that are right with the share of the reference’s values that were found, over all rows together. Items of a list have no order. An item with type (or label) and text is an entity: both have to be right.',
    more: 'More of the values are found, and fewer are invented.',
    start:
      'For extraction of fields and of entities. As a reward for single answers take the right fields of JSON.',
    source: 'scikit-learn, f1_score with average="micro"',
    also: 'ner entity extraction slot filling micro precision recall json',
  },
  format: (value: number) => value.toFixed(3),
  applies: (expected: string) => jsonOf(expected, false) !== undefined,
  normalise: (text: string) => text,
  score: (answer: string, expected: string) =>
    jsonOf(answer, false) === undefined ? 0 : f1(...counts(answer, expected)),
  aggregate: aggregateOf(corpus),
  corpus,
} as const satisfies TextScorer;

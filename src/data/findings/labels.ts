/** Labels that are rare or look wrong. */
import { itemOf, type List } from '../../lists.ts';
import type { Example } from '../example.ts';
import { isShort } from '../label.ts';
import { wholeNumbers, type NumberColumn } from '../number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../row-hashes.ts';
import type { Checked, CheckRow, Found, RuleAtWork } from './finding.ts';
import { wordsOfLabels } from './label-words.ts';
import type { Slow } from './slow.ts';
import { VectorTexts, type TextVectors } from './text-vectors.ts';
import { unseenProbabilities } from './unseen-labels.ts';
import { readRows, textOfQuestion, wordsOf } from './texts.ts';
import { answerOf } from '../unwritable.ts';

/** A row with a label for an answer. */
export interface LabelledRow {
  readonly row: number;
  readonly example: Example;
  readonly label: string;
}

const MIN_ROWS = 20;
/** Labels come up again: at least so many rows for each of them. */
const ROWS_OF_LABEL = 4;

/** The label of a row, if its kind has one. */
function labelOf(example: Example | undefined): string | undefined {
  if (example?.kind !== 'completion' && example?.kind !== 'messages') return undefined;
  return answerOf(example).trim();
}

const areLabels = (rows: number, labels: number): boolean =>
  rows >= MIN_ROWS && labels >= 2 && labels * ROWS_OF_LABEL <= rows;

/** The rows, if their answers are few distinct short texts. */
export function labelledRows(rows: List<CheckRow>): LabelledRow[] | undefined {
  const found: LabelledRow[] = [];
  for (const { row, example } of readRows(rows)) {
    const label = labelOf(example);
    if (label === undefined) continue;
    if (!isShort(label)) return undefined;
    found.push({ row, example, label });
  }
  return areLabels(found.length, new Set(found.map(({ label }) => label)).size) ? found : undefined;
}

/** The labels of rows by numbers. */
class LabelNumbers {
  readonly #labels = new DistinctHashes();
  /** The rows, their places, and the number of the label of each. */
  readonly rows: NumberColumn;
  readonly places: NumberColumn;
  readonly numbers: NumberColumn;
  /** The number of rows of each label, and the place of the first. */
  readonly counts: number[] = [];
  readonly #firsts: number[] = [];
  #areShort = true;
  #place = 0;

  /** @param max the most rows that are added */
  constructor(max: number) {
    this.rows = wholeNumbers(max);
    this.places = wholeNumbers(max);
    this.numbers = wholeNumbers(max);
  }

  see({ row, example }: CheckRow): void {
    const place = this.#place++;
    const label = this.#areShort ? labelOf(example) : undefined;
    if (label === undefined) return;
    this.#areShort = isShort(label);
    const number = this.#labels.add(hashesOfTexts(label));
    if (number === this.counts.length) {
      this.counts.push(0);
      this.#firsts.push(place);
    }
    this.counts[number]++;
    this.rows.push(row);
    this.places.push(place);
    this.numbers.push(number);
  }

  get areLabels(): boolean {
    return this.#areShort && areLabels(this.rows.length, this.counts.length);
  }

  nameOf(number: number, rows: List<CheckRow>): string {
    return labelOf(itemOf(rows, this.#firsts[number]).example) ?? '';
  }
}

/** Rows with rare labels, and rows whose label the most similar rows do not have. */
export function findInLabels({ rows }: Checked): RuleAtWork {
  const labels = new LabelNumbers(rows.length);
  return {
    see: (row) => labels.see(row),
    *found(): Slow<Found[]> {
      return labels.areLabels ? [imbalanceOf(labels, rows), yield* wrongLabels(labels, rows)] : [];
    },
  };
}

/** The most frequent label has so many times the rows of a rare one. */
const RARE_RATIO = 3;

function imbalanceOf(labels: LabelNumbers, rows: List<CheckRow>): Found {
  const { counts, numbers } = labels;
  const ordered = counts.map((count, number) => ({ count, number })).sort((a, b) => b.count - a.count);
  const [most] = ordered;
  const least = ordered[ordered.length - 1];
  const isRare = (number: number): boolean => counts[number] * RARE_RATIO <= most.count;
  return {
    id: 'label-imbalance',
    rows: Array.from(labels.rows.all.filter((_, at) => isRare(numbers.at(at)))),
    detail: `“${labels.nameOf(most.number, rows)}” has ${most.count} rows and “${labels.nameOf(least.number, rows)}” has ${least.count}.`,
  };
}

const NEIGHBOURS = 5;
/** So many of them have the label that is likelier. */
const SUPPORT = 3;
/** Labels up to which five near neighbours that agree are enough. More labels overlap: most rows that such neighbours contradict are right. */
const FEW_LABELS = 20;
/** Cosine of neighbours that are near. */
const NEAR = 0.35;
/** The doubt that lists a row (`LabelWords.doubt`), and how it grows with the logarithm of the number of labels. On planted mistakes lower ones listed right labels (docs/experiments/wrong-labels.md). */
const LEAST_DOUBT = 3;
const DOUBT_OF_LABELS = 1.6;

/** Labels up to which a linear model is asked as well: so few have no near rows of their own, and so many words that say which it is. */
const FEWEST_LABELS = 3;
/** Words of prompts up to which that takes about a second. */
const MAX_LEARNED = 2 ** 17;
/** A label is likely to that model from here on: this part of the way from what the model gives it on its own rows to 1. */
const SURE = 0.7;
/** The doubt that the words have to add to that (`LabelWords.doubt`). */
const DOUBT_TOO = 1;

/** Words of prompts that are compared, about 170 MB: of a larger file the first rows. */
const MAX_WORDS = 2 ** 22;

/**
 * Rows none of whose most similar rows (TF-IDF over words of the prompt) has their label, and whose words fit the label of most of these better. With two
 * or three labels also those whose words speak for another label, to a linear model of the other rows and to naive Bayes.
 */
function* wrongLabels(labels: LabelNumbers, rows: List<CheckRow>): Slow<Found> {
  const texts = yield* promptsOf(labels, rows);
  const looked = texts.length;
  const numbers = labels.numbers.all;
  const { length } = labels.counts;
  const words = yield* wordsOfLabels(texts, numbers, length);
  const least = Math.max(LEAST_DOUBT, DOUBT_OF_LABELS * Math.log(length));
  const likelier = length <= FEWEST_LABELS ? yield* likelierLabels(texts, numbers, length) : undefined;
  const wrong: number[] = [];
  for (let at = 0; at < looked; at++) {
    yield;
    const likely = likelier?.[at];
    if (likely !== undefined && words.doubt(at, likely) >= DOUBT_TOO) {
      wrong.push(labels.rows.at(at));
      continue;
    }
    const { texts: nearest, near } = texts.nearest(at, NEIGHBOURS, NEAR);
    const found = nearest.map((one) => numbers[one]);
    if (found.includes(numbers[at])) continue;
    const support = (label: number): number => found.filter((one) => one === label).length;
    const other = found.find((label) => support(label) >= SUPPORT);
    if (other === undefined) continue;
    const isPlain = length <= FEW_LABELS && near === NEIGHBOURS && support(other) === NEIGHBOURS;
    if (words.doubt(at, other) >= (isPlain ? 0 : least)) wrong.push(labels.rows.at(at));
  }
  const detail = `The first ${looked} rows were compared.`;
  return { id: 'likely-wrong-label', rows: wrong, ...(looked < labels.rows.length && { detail }) };
}

/** For each text the label that a linear model of other texts is surer of than of labels on their own texts, if that is not its own; undefined if there are too many words. */
function* likelierLabels(
  texts: TextVectors,
  labels: Uint32Array,
  count: number,
): Slow<(number | undefined)[] | undefined> {
  if (texts.vectors.words.length > MAX_LEARNED) return undefined;
  const probabilities = yield* unseenProbabilities(texts, labels, count);
  const [sums, rows] = [new Float64Array(count), new Uint32Array(count)];
  for (let at = 0; at < texts.length; at++) {
    sums[labels[at]] += probabilities[at * count + labels[at]];
    rows[labels[at]]++;
  }
  return Array.from({ length: texts.length }, (_, at) => {
    const own = probabilities.subarray(at * count, (at + 1) * count);
    const label = own.indexOf(Math.max(...own));
    const usual = sums[label] / rows[label];
    return label !== labels[at] && own[label] >= usual + SURE * (1 - usual) ? label : undefined;
  });
}

/** The prompts of the first rows with a label. */
function* promptsOf(labels: LabelNumbers, rows: List<CheckRow>): Slow<TextVectors> {
  const texts = new VectorTexts();
  let words = 0;
  for (const place of labels.places.all) {
    const { example } = itemOf(rows, place);
    const own = example ? wordsOf(textOfQuestion(example)) : [];
    words += own.length;
    if (words > MAX_WORDS) break;
    texts.add(own);
    yield;
  }
  return yield* texts.vectors();
}

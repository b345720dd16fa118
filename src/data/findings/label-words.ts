/** How well the words of a text fit a label: naive Bayes over the words that the rows of each label have. */
import { wholeNumbers } from '../number-column.ts';
import type { Slow } from './slow.ts';
import type { TextVectors } from './text-vectors.ts';

/** Each label is taken to have so many rows more, in which a word is as frequent as in all rows: a label that lacks a word is then not impossible. */
const SMOOTHING = 2;

/**
 * Counts the words of each label.
 *
 * @param labels the number of the label of each text
 * @param count of the labels
 */
export function* wordsOfLabels(texts: TextVectors, labels: Uint32Array, count: number): Slow<LabelWords> {
  const rows = new Uint32Array(count);
  for (let at = 0; at < texts.length; at++) rows[labels[at]]++;
  const starts = new Uint32Array(texts.wordCount + 1);
  const [found, times] = [wholeNumbers(), wholeNumbers()];
  const own = new Uint32Array(count);
  for (let word = 0; word < texts.wordCount; word++) {
    const seen: number[] = [];
    for (const text of texts.textsWith(word)) if (own[labels[text]]++ === 0) seen.push(labels[text]);
    for (const label of seen.sort((a, b) => a - b)) {
      found.push(label);
      times.push(own[label]);
      own[label] = 0;
    }
    starts[word + 1] = found.length;
    yield;
  }
  return new LabelWords(texts, labels, rows, { starts, labels: found.all, counts: times.all });
}

/** For each word, the labels whose rows have it in ascending order, and how many rows do; where those of each word start, and where the last end. */
interface LabelsOfWords {
  readonly starts: Uint32Array;
  readonly labels: Uint32Array;
  readonly counts: Uint32Array;
}

export class LabelWords {
  /** @param rows of each label */
  constructor(
    private readonly texts: TextVectors,
    private readonly labels: Uint32Array,
    private readonly rows: Uint32Array,
    private readonly having: LabelsOfWords,
  ) {}

  /**
   * How much likelier the words of a text are in rows of another label than in the other rows of its own: in nats, over the root of the number of
   * words. Words are evidence that adds up, and its noise grows with that root.
   */
  doubt(at: number, other: number): number {
    const label = this.labels[at];
    const own = this.rows[label] - 1 + SMOOTHING;
    const its = this.rows[other] + SMOOTHING;
    const words = this.texts.wordsAt(at);
    let nats = 0;
    for (const word of words) {
      const expected = (SMOOTHING * this.texts.spread(word)) / this.texts.length;
      // The row itself is no evidence for its label.
      const [inOwn, inOther] = [this.#rowsWith(word, label) - 1, this.#rowsWith(word, other)];
      nats += Math.log((inOther + expected) / its) - Math.log((inOwn + expected) / own);
    }
    return nats / Math.sqrt(Math.max(1, words.length));
  }

  /** Rows of a label that have a word. */
  #rowsWith(word: number, label: number): number {
    const { starts, labels, counts } = this.having;
    const end = starts[word + 1];
    let [low, high] = [starts[word], end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (labels[middle] < label) low = middle + 1;
      else high = middle;
    }
    return low < end && labels[low] === label ? counts[low] : 0;
  }
}

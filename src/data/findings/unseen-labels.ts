/**
 * How likely each label is for the words of a text, to a linear model that did not see that text: softmax regression over words (TF-IDF), five folds.
 * Rows whose label such a model doubts are likely wrong (Northcutt, Jiang and Chuang, Confident Learning, arXiv 1911.00068).
 */
import type { Slow } from './slow.ts';
import type { TextVectors } from './text-vectors.ts';

const FOLDS = 5;
/** Steps of Nesterov's accelerated gradient over all texts of four folds. */
const STEPS = 100;
/** Half of this times the square of each weight stands next to the loss of all texts. */
const PENALTY = 0.1;
/** A text is a vector of length 1 and a constant 1, so the curvature of its loss is at most this. */
const CURVATURE = 1;

type Vectors = TextVectors['vectors'];

/**
 * The probability of each label for each text, those of a text next to each other.
 *
 * @param labels the number of the label of each text
 * @param count of the labels
 */
export function* unseenProbabilities(
  texts: TextVectors,
  labels: Uint32Array,
  count: number,
): Slow<Float64Array> {
  const vectors = texts.vectors;
  const probabilities = new Float64Array(texts.length * count);
  // Each fold gets its share of each label.
  const dealt = new Uint32Array(count);
  const folds = Uint32Array.from({ length: texts.length }, (_, at) => dealt[labels[at]]++ % FOLDS);
  const own = new Float64Array(count);
  for (let fold = 0; fold < FOLDS; fold++) {
    const seen = Uint32Array.from([...folds.keys()].filter((at) => folds[at] !== fold));
    const weights = yield* learned(vectors, labels, count, seen);
    for (let at = 0; at < texts.length; at++) {
      if (folds[at] !== fold) continue;
      softmaxInto(own, vectors, at, weights);
      probabilities.set(own, at * count);
    }
  }
  return probabilities;
}

/** The weights of each word for each label, and at the end those of the constant. */
function* learned(
  vectors: Vectors,
  labels: Uint32Array,
  count: number,
  seen: Uint32Array,
): Slow<Float64Array> {
  const { starts, words, values, wordCount } = vectors;
  const size = (wordCount + 1) * count;
  const penalty = PENALTY / seen.length;
  const rate = 1 / (CURVATURE + penalty);
  const weights = new Float64Array(size);
  const ahead = new Float64Array(size);
  const next = new Float64Array(size);
  const errors = new Float64Array(count);
  for (let step = 0; step < STEPS; step++) {
    for (let i = 0; i < size; i++) next[i] = ahead[i] * (1 - rate * penalty);
    for (const at of seen) {
      softmaxInto(errors, vectors, at, ahead);
      errors[labels[at]] -= 1;
      for (let label = 0; label < count; label++) errors[label] *= rate / seen.length;
      for (let i = starts[at]; i < starts[at + 1]; i++) {
        const place = words[i] * count;
        const value = values[i];
        for (let label = 0; label < count; label++) next[place + label] -= errors[label] * value;
      }
      for (let label = 0; label < count; label++) next[size - count + label] -= errors[label];
    }
    const momentum = step / (step + 3);
    for (let i = 0; i < size; i++) ahead[i] = next[i] + momentum * (next[i] - weights[i]);
    weights.set(next);
    yield;
  }
  return weights;
}

/** Writes the probability of each label for a text. */
function softmaxInto(
  into: Float64Array,
  { starts, words, values }: Vectors,
  at: number,
  weights: Float64Array,
): void {
  const { length } = into;
  for (let label = 0; label < length; label++) into[label] = weights[weights.length - length + label];
  for (let i = starts[at]; i < starts[at + 1]; i++) {
    const place = words[i] * length;
    const value = values[i];
    for (let label = 0; label < length; label++) into[label] += weights[place + label] * value;
  }
  let max = -Infinity;
  for (let label = 0; label < length; label++) max = Math.max(max, into[label]);
  let sum = 0;
  for (let label = 0; label < length; label++) sum += into[label] = Math.exp(into[label] - max);
  for (let label = 0; label < length; label++) into[label] /= sum;
}

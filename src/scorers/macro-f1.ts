/**
 * Macro-F1 as scikit-learn computes it: the mean of F1 over all labels that are right or given in any row, 0 for a label without a true or a given
 * row. An answer that is not a label counts as a label of its own, which is never right.
 */
import { accuracy } from './accuracy.ts';
import { aggregateOf } from './parts/corpus.ts';
import { TEXT } from './parts/text.ts';
import type { Need, Predicted, Resample, TextScorer } from './scorer.ts';

function corpus(rows: readonly Predicted[]): (sample: Resample) => number {
  const numbers = new Map<string, number>();
  const numberOf = (text: string): number => {
    const label = accuracy.normalise(text);
    const known = numbers.get(label) ?? numbers.size;
    numbers.set(label, known);
    return known;
  };
  const right = Uint32Array.from(rows, ({ references }) => numberOf(references[0]));
  const given = Uint32Array.from(rows, ({ answer }) => numberOf(answer));
  return (sample) => {
    const hits = new Uint32Array(numbers.size);
    // Rows with the label plus answers with the label.
    const named = new Uint32Array(numbers.size);
    for (let at = 0; at < sample.length; at++) {
      const row = sample[at];
      named[right[row]]++;
      named[given[row]]++;
      if (right[row] === given[row]) hits[right[row]]++;
    }
    let sum = 0;
    let labels = 0;
    for (let label = 0; label < named.length; label++) {
      if (named[label] === 0) continue;
      labels++;
      sum += (2 * hits[label]) / named[label];
    }
    return sum / labels;
  };
}

export const macroF1 = {
  ...TEXT,
  name: 'macro-f1',
  label: 'Macro-F1',
  heading: 'macro-F1',
  help: 'The mean of F1 over all labels, right or given, as scikit-learn computes it over all rows together.',
  entry: {
    title: 'Macro-F1',
    what: 'F1 of each label, and the mean over the labels, from 0 to 1: rare labels count as much as frequent ones. An answer that is not a label counts as a label that is never right.',
    source: 'scikit-learn, f1_score with average="macro"',
    also: 'f1 macro labels classification imbalance',
  },
  format: (value: number) => value.toFixed(3),
  applies: () => true,
  normalise: accuracy.normalise,
  score: accuracy.score,
  needs: (): readonly Need[] => ['label'],
  aggregate: aggregateOf(corpus),
  corpus,
} as const satisfies TextScorer;

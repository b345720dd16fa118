/** Scores of a corpus: counts are added up over the rows, and the sums are scored. */
import { everyPlace } from '../../lists.ts';
import { meanScore, type Predicted, type Resample, type TextScorer } from '../scorer.ts';

/**
 * @param counts of each row, of one length
 * @param scoreOf what sums of counts come to
 */
export function summed(
  counts: readonly (readonly number[])[],
  scoreOf: (sums: Float64Array) => number,
): (sample: Resample) => number {
  const width = counts.at(0)?.length ?? 0;
  const flat = Float64Array.from(counts.flat());
  return (sample) => {
    const sums = new Float64Array(width);
    for (let at = 0; at < sample.length; at++)
      for (let one = 0; one < width; one++) sums[one] += flat[sample[at] * width + one];
    return scoreOf(sums);
  };
}

/** The score of all rows with one reference each; of scores without their texts the mean. */
export const aggregateOf =
  (corpus: (rows: readonly Predicted[]) => (sample: Resample) => number): TextScorer['aggregate'] =>
  (scores, rows) =>
    rows
      ? {
          value: corpus(rows.map(({ answer, expected }) => ({ answer, references: [expected] })))(
            everyPlace(rows.length),
          ),
        }
      : meanScore(scores);

/** Whether the probabilities that a model gives to choices are as often right as they say. */

/** The probabilities of a row's choices, which add up to 1, and the index of the right one. */
export interface ChoiceProbabilities {
  readonly probabilities: readonly number[];
  readonly right: number;
}

/** Bins of equal width that confidences are sorted into. */
const BINS = 15;

/** Probabilities of choices from their log-probabilities: softmax. */
export function probabilitiesOf(logProbabilities: readonly number[]): number[] {
  const max = Math.max(...logProbabilities);
  // Nothing is likelier than anything else if all are impossible.
  const weights = logProbabilities.map((value) => (max === -Infinity ? 1 : Math.exp(value - max)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The index of the largest number, the first of equals. */
export const largest = (values: readonly number[]): number =>
  values.reduce((best, value, at) => (value > values[best] ? at : best), 0);

/** Rows whose answers were about as sure: a dot of a reliability diagram. */
export interface ReliabilityBin {
  /** The probabilities of the bin, from 0 to 1. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** The mean probability of the answers. */
  readonly confidence: number;
  /** The share of them that is right. */
  readonly right: number;
}

/** Sums by bins of the largest probability; the last bin is of probabilities that are 1. */
function binned(rows: readonly ChoiceProbabilities[]): { rows: number; confidence: number; right: number }[] {
  const bins = Array.from({ length: BINS + 1 }, () => ({ rows: 0, confidence: 0, right: 0 }));
  for (const { probabilities, right } of rows) {
    const chosen = largest(probabilities);
    const bin = bins[Math.floor(probabilities[chosen] * BINS)];
    bin.rows++;
    bin.confidence += probabilities[chosen];
    bin.right += Number(chosen === right);
  }
  return bins;
}

/** The bins of {@link calibrationError} that have rows, the least sure first. */
export const reliabilityBins = (rows: readonly ChoiceProbabilities[]): ReliabilityBin[] =>
  binned(rows).flatMap(({ rows: many, confidence, right }, at) =>
    many === 0
      ? []
      : {
          from: Math.min(at, BINS) / BINS,
          to: Math.min(at + 1, BINS) / BINS,
          rows: many,
          confidence: confidence / many,
          right: right / many,
        },
  );

/**
 * The expected calibration error (Guo et al., 2017): by bins of the largest probability, how far it is from the share of right rows on average. As
 * torchmetrics' MulticlassCalibrationError with 15 bins and the norm l1. NaN without rows.
 */
export function calibrationError(rows: readonly ChoiceProbabilities[]): number {
  return binned(rows).reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0) / rows.length;
}

/** The mean squared distance of the probabilities from the right answer (Brier, 1950), from 0 to 2: as scikit-learn's brier_score_loss for several classes. NaN without rows. */
export function brierScore(rows: readonly ChoiceProbabilities[]): number {
  const distances = rows.map(({ probabilities, right }) =>
    probabilities.reduce((sum, value, at) => sum + (value - Number(at === right)) ** 2, 0),
  );
  return distances.reduce((sum, value) => sum + value, 0) / rows.length;
}

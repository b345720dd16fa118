/** Spikes of the loss, as too large steps make them: the model may have lost what it knew, although the loss falls again. */

export interface Spike {
  /** The lowest loss before it, or the initial one if none was lower. */
  readonly low: { readonly step: number; readonly loss: number };
  readonly peak: { readonly step: number; readonly loss: number };
  /** How much the mean of a few steps varies by chance. */
  readonly error: number;
}

/** Steps of a mean: one batch says little, and a longer mean lags. */
const STEPS = 3;
/** A rise counts from this part of the initial loss on, and beyond this many standard errors. */
const MIN_RISE = 0.25;
const SURE = 3.5;

/** The largest rise above an earlier low; undefined if the noise of batches explains it. @param points in order */
export function findSpike(
  points: readonly { readonly step: number; readonly loss: number }[],
): Spike | undefined {
  if (points.length < STEPS) return undefined;
  const start = points[0];
  let low = start;
  let found: Omit<Spike, 'error'> | undefined;
  for (let i = STEPS - 1; i < points.length; i++) {
    const last = points.slice(i - STEPS + 1, i + 1);
    const here = { step: points[i].step, loss: last.reduce((sum, { loss }) => sum + loss, 0) / STEPS };
    if (!found || here.loss - low.loss > found.peak.loss - found.low.loss) found = { low, peak: here };
    if (here.loss < low.loss) low = here;
  }
  const error = noiseOf(points) * Math.sqrt(1 + 1 / STEPS);
  const rise = found ? found.peak.loss - found.low.loss : 0;
  return found && rise > Math.max(MIN_RISE * start.loss, SURE * error) ? { ...found, error } : undefined;
}

/** Standard deviation of a batch's loss, from the median jump, so that a spike does not count as noise. */
function noiseOf(points: readonly { readonly loss: number }[]): number {
  const jumps = points.slice(1).map(({ loss }, i) => Math.abs(loss - points[i].loss));
  // The median difference of two normal values is 0.95 of their standard deviation.
  return (jumps.sort((a, b) => a - b)[Math.floor(jumps.length / 2)] ?? 0) / 0.95;
}

/**
 * The loss of a model that knows how often each token is supervised in these rows, and nothing about its context: the entropy of single tokens, in
 * nats. A run that ends there learned no row.
 */
export function unigramLoss(rows: readonly { readonly labels: ArrayLike<number> }[]): number {
  const counts = new Map<number, number>();
  let all = 0;
  for (const { labels } of rows)
    for (const label of Array.from(labels)) {
      if (label < 0) continue;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      all++;
    }
  let loss = 0;
  for (const count of counts.values()) loss -= (count / all) * Math.log(count / all);
  return loss;
}

/** What a run forgot, as a number and in words. */

/** How the loss on a general text changed over a run. */
export interface Forgetting {
  /** Mean cross-entropy for each token, in nats. */
  readonly before: number;
  readonly after: number;
}

/** A loss that grew by less than this is called the same. */
const NOTICEABLE = 0.02;

/** In a sentence, without its full stop. */
export function forgettingInWords({ before, after }: Forgetting): string {
  const [from, to] = [before, after].map((loss) => Math.exp(loss).toPrecision(3));
  const change = after - before;
  const said =
    change > NOTICEABLE
      ? 'it forgot some of it'
      : change < -NOTICEABLE
        ? 'it knows it better now'
        : 'nothing was forgotten to speak of';
  return `loss on general text ${before.toFixed(4)} → ${after.toFixed(4)} (perplexity ${from} → ${to}): ${said}`;
}

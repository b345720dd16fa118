/** What merging an adapter into its base, and rounding the result, changes on test rows. Reads every logit: for some tens of rows. */
import type { Adapter } from '../adapters/adapter.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { IGNORED } from '../text/trainable.ts';

/** Losses are mean cross-entropy in nats per supervised token. */
interface MergedLoss {
  readonly rows: number;
  /** Supervised tokens. */
  readonly tokens: number;
  /** The loss of the model without the adapter; missing if it has no rows for the adapter's tokens, or there is no adapter. */
  readonly base?: number;
  /** The loss of model and adapter apart. */
  readonly apart: number;
  readonly merged: number;
  /** The largest change of the probability of any next token, at any supervised place. */
  readonly change: number;
}

interface Compared {
  readonly model: LanguageModel;
  readonly adapter?: Adapter | undefined;
  readonly merged: LanguageModel;
}

/**
 * @param rows at least one of them with a supervised token
 * @param onRow called with the number of finished rows
 */
export async function mergedLoss(
  { model, adapter, merged }: Compared,
  rows: readonly LabelledTokens[],
  onRow: (done: number) => void = () => undefined,
): Promise<MergedLoss> {
  const hasBase = adapter !== undefined && model.vocabularyWith(adapter) === model.vocabularyWith(undefined);
  let [tokens, base, apart, after, change] = [0, 0, 0, 0, 0];
  for (const [at, { ids, labels }] of rows.entries()) {
    const one = await model.logits(ids, adapter);
    const other = await merged.logits(ids);
    const plain = hasBase ? await model.logits(ids) : undefined;
    const [width, otherWidth] = [one.length / ids.length, other.length / ids.length];
    const both = Math.min(width, otherWidth);
    for (let t = 0; t + 1 < ids.length; t++) {
      const wanted = labels[t + 1];
      if (wanted === IGNORED) continue;
      tokens++;
      const p = logProbabilities(one.subarray(t * width, (t + 1) * width));
      const q = logProbabilities(other.subarray(t * otherWidth, (t + 1) * otherWidth));
      apart -= p[wanted];
      after -= q[wanted];
      if (plain) base -= logProbabilities(plain.subarray(t * width, (t + 1) * width))[wanted];
      for (let id = 0; id < both; id++) {
        const moved = Math.abs(Math.exp(p[id]) - Math.exp(q[id]));
        if (moved > change) change = moved;
      }
    }
    onRow(at + 1);
  }
  return {
    ...{ rows: rows.length, tokens, change },
    ...(hasBase && { base: base / tokens }),
    apart: apart / tokens,
    merged: after / tokens,
  };
}

function logProbabilities(logits: Float32Array): Float64Array {
  let max = -Infinity;
  for (const value of logits) if (value > max) max = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - max);
  const shift = max + Math.log(sum);
  return Float64Array.from(logits, (value) => value - shift);
}

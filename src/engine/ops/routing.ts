/**
 * The router of a mixture of experts: each token goes to the k experts with the highest logits, the lower index first where two are equal.
 *
 *   weights[m, j] = p[chosen[m, j]]        p = softmax(logits[m, :]), over all experts, or with `normalised` over the chosen ones
 *
 * A choice of a token is number m · k + j. Expert-wise layers compute rows that are sorted by expert: `rows` has the choice of each such row,
 * `places` the row of each choice, and expert e has the rows offsets[e] … offsets[e + 1].
 */
import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

export const routingKind = operationKind<
  { logits: Tensor; weights: Tensor; chosen: Tensor },
  { normalised: boolean }
>('routing');

export const routingBackward = operationKind<
  { logits: Tensor; weights: Tensor; chosen: Tensor; dweights: Tensor; dlogits: Tensor },
  { normalised: boolean; accumulate: boolean }
>('routing.backward');

export const expertRowsKind = operationKind<
  { chosen: Tensor; offsets: Tensor; rows: Tensor; places: Tensor },
  Record<string, never>
>('expert_rows');

/** Which experts the tokens go to. E experts. */
export interface Routing<Value = Tensor> {
  readonly experts: number;
  /** Experts of each token: k. */
  readonly kept: number;
  /** f32 [M, k]. */
  readonly weights: Value;
  /** u32 [M, k]. */
  readonly chosen: Value;
  /** u32 [E + 1]. */
  readonly offsets: Value;
  /** u32 [M · k]: the choice of each row. */
  readonly rows: Value;
  /** u32 [M · k]: the row of each choice. */
  readonly places: Value;
}

/** Most experts of a token: the choice of the shader is kept in registers. */
export const MOST_KEPT = 32;

/**
 * Chooses the experts of each token.
 *
 * @param logits [M, E]
 * @param kept experts of a token, at most E and {@link MOST_KEPT}
 * @throws Error for another number of them
 */
export function route(
  tape: Tape,
  logits: Tensor,
  { kept, normalised }: { readonly kept: number; readonly normalised: boolean },
): Routing {
  const { rows: M, columns: experts } = logits;
  if (kept < 1 || kept > Math.min(experts, MOST_KEPT))
    throw new Error(`A token cannot go to ${kept} of ${experts} experts`);
  const weights = tape.tensor([M, kept], 'f32', 'weights of experts');
  const chosen = tape.tensor([M, kept], 'u32', 'chosen experts');
  tape.append(routingKind, { logits, weights, chosen }, { normalised });
  const offsets = tape.tensor([experts + 1], 'u32', 'offsets of experts');
  const rows = tape.tensor([M * kept], 'u32', 'rows of experts');
  const places = tape.tensor([M * kept], 'u32', 'places in experts');
  tape.append(expertRowsKind, { chosen, offsets, rows, places }, {});
  tape.record([weights], [logits], () => {
    const dweights = tape.gradient(weights);
    tape.addGradient(logits, (dlogits, accumulate) =>
      tape.append(
        routingBackward,
        { logits, weights, chosen, dweights, dlogits },
        { normalised, accumulate },
      ),
    );
  });
  return { experts, kept, weights, chosen, offsets, rows, places };
}

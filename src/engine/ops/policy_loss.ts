import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import { OWN_SLOT } from './step.ts';

/** Numbers of the clipped surrogate. */
export interface PolicyNumbers {
  /** The ratio of probabilities is clipped to 1 − epsilon … 1 + epsilonHigh. */
  readonly epsilon: number;
  readonly epsilonHigh: number;
  /** Weight of the divergence from the reference; at 0 the reference is not read. */
  readonly beta: number;
  /** Whether the divergence is multiplied by the ratio, which makes its mean over samples of an older policy unbiased. */
  readonly correctKl: boolean;
}

/** The value of `old` for a row that the current policy sampled: no log-probability is above 0. Its ratio is 1. */
export const ON_POLICY = 1;

/** Slots of `total` from OWN_SLOT on: tokens, tokens clipped below, tokens clipped above, Σ divergence, Σ −log p. */
export const POLICY_SUMS = 5;

interface PolicyTensors extends Readonly<Record<string, Tensor | undefined>> {
  readonly logps: Tensor;
  readonly old: Tensor;
  readonly reference?: Tensor;
  readonly ranges: Tensor;
  readonly advantages: Tensor;
  readonly weights: Tensor;
  readonly total: Tensor;
  /** Set when the backward is recorded. */
  dlogps?: Tensor;
}

/**
 * total[LOSS_SLOT] += Σ over sequences of weight · Σ over its tokens of −min(ρA, clip(ρ, 1 − ε, 1 + ε_high) A) + β k, and the sums after OWN_SLOT
 * likewise; with dlogps, dlogps = scale · its gradient. ρ = exp(log p − old), d = reference − log p, k = eᵈ − d − 1, times ρ if it is corrected.
 */
export const policyLossKind = operationKind<PolicyTensors, PolicyNumbers & { scale: number }>('policy_loss');

/**
 * The clipped surrogate of PPO over the tokens of sampled sequences (Schulman and others, 2017), with one advantage for each sequence, as GRPO has it
 * (Shao and others, 2024). Loss and gradients are computed at once, so the gradient of the loss must be a known number when the backward is recorded.
 *
 * @param logps f32 [R], log-probabilities of the tokens by the policy
 * @param old f32 [R], the same by the policy that made the samples, or {@link ON_POLICY}
 * @param reference f32 [R], the same by the reference policy; needed if beta is above 0
 * @param ranges u32 [S, 2], rows of the sequences
 * @param advantages f32 [S]
 * @param weights f32 [S], what a token of each sequence counts; a sequence of weight 0 is left out, of the sums as well
 * @param total f32, uploaded, with {@link POLICY_SUMS} slots after OWN_SLOT
 * @returns the loss, in the memory and shape of `total`
 * @throws Error for too few slots, or a beta above 0 without `reference`; when the backward is recorded, if the gradient of the loss is not a
 * known number
 */
export function policyLoss(
  tape: Tape,
  {
    logps,
    ...others
  }: {
    readonly logps: Tensor;
    readonly old: Tensor;
    readonly reference?: Tensor;
    readonly ranges: Tensor;
    readonly advantages: Tensor;
    readonly weights: Tensor;
    readonly total: Tensor;
  },
  numbers: PolicyNumbers,
): Tensor {
  const { total, reference } = others;
  if (total.size < OWN_SLOT + POLICY_SUMS || (numbers.beta > 0 && !reference))
    throw new Error(`policyLoss: ${total.size} slots, beta ${numbers.beta}`);
  const operation = tape.append(policyLossKind, { logps, ...others } as PolicyTensors, {
    ...numbers,
    scale: 1,
  });
  const loss = new Tensor(total.storage, total.shape, total.dtype, total.offset);
  tape.record([loss], [logps], () => {
    const scale = tape.factor(loss);
    if (scale === undefined) throw new Error('The gradient of a policy loss must be a known number');
    operation.attributes.scale = scale;
    const dlogps = tape.tensor(logps.shape, 'f32', `d ${logps.label}`);
    operation.tensors.dlogps = dlogps;
    tape.passGradient(logps, dlogps);
  });
  return loss;
}

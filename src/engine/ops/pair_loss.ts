import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import type { OwnKernels } from './own_kernel.ts';
import { OWN_SLOT } from './step.ts';

/**
 * What an objective makes of a pair of answers. Its WGSL follows shaders/pair_loss.wgsl, with
 * `fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss`; its AssemblyScript follows engine/cpu/kernels/pair_loss.ts, with a class of
 * arguments that has `pairLoss`, and a kernel of this name.
 */
export type PairKernel = OwnKernels;

/** Slots of `total` from OWN_SLOT on, for the kernel's sums next to the loss. */
export const PAIR_SUMS = 4;

/** What a loss over pairs is made of. */
export interface PairInputs {
  readonly logps: Tensor;
  readonly reference?: Tensor;
  readonly values?: Tensor;
}

interface PairTensors extends Readonly<Record<string, Tensor | undefined>> {
  readonly logps: Tensor;
  readonly reference: Tensor;
  readonly values: Tensor;
  readonly ranges: Tensor;
  readonly total: Tensor;
  /** Set when the backward is recorded. */
  dlogps?: Tensor;
}

/**
 * total[LOSS_SLOT] += Σ loss of each pair, and the sums after OWN_SLOT likewise; with dlogps, dlogps = scale · the gradient of the summed loss.
 * Sequences 2i and 2i + 1 are the chosen and the rejected answer of pair i; if both have no rows there is no pair.
 */
export const pairLossKind = operationKind<
  PairTensors,
  { readonly kernel: PairKernel; readonly numbers: readonly number[]; scale: number }
>('pair_loss');

/**
 * A summed loss over pairs of answers, which an objective's kernel computes from the log-probabilities of whole answers. Loss and gradients are
 * computed at once, so the gradient of the loss must be a known number when the backward is recorded.
 *
 * @param logps f32 [2P], log-probabilities of the answers, chosen and rejected in turn
 * @param reference f32 [2P], the same by the reference policy; left out for a kernel that does not read it
 * @param values f32 [2P], a number from the data for each answer; left out likewise
 * @param ranges u32 [2P, 2], rows of the answers, whose number is their length in tokens
 * @param total f32, uploaded, with {@link PAIR_SUMS} slots after OWN_SLOT for what is added up next to the loss
 * @param numbers of the objective, at most four
 * @returns the loss, in the memory and shape of `total`
 * @throws Error for an odd number of answers or too few slots; when the backward is recorded, if the gradient of the loss is not a known number
 */
export function pairLoss(
  tape: Tape,
  kernel: PairKernel,
  { logps, ranges, total, ...given }: PairInputs & Record<'ranges' | 'total', Tensor>,
  numbers: readonly number[],
): Tensor {
  if (logps.size % 2 !== 0 || total.size < OWN_SLOT + PAIR_SUMS)
    throw new Error(`pairLoss: ${logps.size} answers, and ${total.size} slots for the sums`);
  const { reference = logps, values = logps } = given;
  const operation = tape.append(pairLossKind, { logps, reference, values, ranges, total } as PairTensors, {
    ...{ kernel, numbers },
    scale: 1,
  });
  const loss = new Tensor(total.storage, total.shape, total.dtype, total.offset);
  tape.record([loss], [logps], () => {
    const scale = tape.factor(loss);
    if (scale === undefined) throw new Error('The gradient of a loss over pairs must be a known number');
    operation.attributes.scale = scale;
    const dlogps = tape.tensor(logps.shape, 'f32', `d ${logps.label}`);
    operation.tensors.dlogps = dlogps;
    tape.passGradient(logps, dlogps);
  });
  return loss;
}

/** Finds what WebGPU would refuse, before a plan is made. */
import { GraftError } from '../../errors.ts';
import type { PlanSize } from '../size.ts';
import type { Tensor } from '../tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { MAX_WORKGROUPS, type GpuTarget } from './target.ts';

/** @throws GraftError `engine-dispatch-size`, or `engine-binding-size` naming the first tensor that is larger than the target can bind */
export function checkSize(
  { commands, largestDispatch: { label, workgroups } }: PlanSize<Dispatch>,
  target: GpuTarget,
): void {
  if (workgroups > MAX_WORKGROUPS)
    throw new GraftError(
      'engine-dispatch-size',
      `${label} needs ${workgroups} workgroups side by side, and WebGPU dispatches at most ${MAX_WORKGROUPS}.`,
      'Use a shorter length or a smaller batch.',
    );
  for (const dispatch of commands)
    for (const tensor of dispatch.operands) checkBinding(target, tensor, dispatch);
}

function checkBinding(target: GpuTarget, tensor: Tensor, dispatch: Dispatch): void {
  const limit = target.limits.maxStorageBufferBindingSize;
  if (tensor.bytes > limit) {
    throw new GraftError(
      'engine-binding-size',
      `${tensor.label} [${tensor.shape.join(', ')}] needs ${tensor.bytes} bytes in ${dispatch.shader.name}, and this adapter binds at most ${limit}.`,
      'Use a shorter length, a smaller batch or half precision.',
    );
  }
}

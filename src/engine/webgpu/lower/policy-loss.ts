import source from '../../../../shaders/policy_loss.wgsl?raw';
import { policyLossKind } from '../../ops/policy_loss.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('policy_loss', source);

export const policyLossLowerings = [
  lowers(
    policyLossKind,
    (
      out,
      { logps, old, reference, ranges, advantages, weights, total, dlogps },
      { epsilon, epsilonHigh, beta, correctKl, scale },
    ) =>
      out.add({
        shader,
        tensors: {
          ...{ logps, old, ranges, advantages, weights, sum: total },
          // Not read without a weight for the divergence.
          reference: reference ?? logps,
          dlogps: dlogps ?? out.tensor(logps.shape, 'f32', 'unread gradient of a policy'),
        },
        params: {
          ...{ S: ranges.rows, scale, low: epsilon, high: epsilonHigh, beta },
          correct: Number(correctKl),
        },
        workgroups: 1,
        flops: 32 * logps.size,
      }),
  ),
];

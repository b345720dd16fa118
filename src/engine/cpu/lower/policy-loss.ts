import source from '../kernels/policy_loss.ts?raw';
import { policyLossKind } from '../../ops/policy_loss.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const file = parseKernels('policy_loss', source);

export const policyLossLowerings = [
  lowers(
    policyLossKind,
    (
      out,
      { logps, old, reference, ranges, advantages, weights, total, dlogps },
      { epsilon, epsilonHigh, beta, correctKl, scale },
    ) => {
      checkF32(logps, old, reference, advantages, weights, total, dlogps);
      out.add({
        file,
        kernel: 'policyLoss',
        tensors: { logps, old, reference, ranges, advantages, weights, total, dlogps },
        params: {
          ...{ S: ranges.rows, scale, low: epsilon, high: epsilonHigh, beta },
          correct: Number(correctKl),
        },
        units: 1,
        flops: 32 * logps.size,
      });
    },
  ),
];

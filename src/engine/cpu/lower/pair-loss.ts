import source from '../kernels/pair_loss.ts?raw';
import { pairLossKind, type PairKernel } from '../../ops/pair_loss.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels, type KernelFile } from '../kernel.ts';

const { fields } = parseKernels('pair_loss', source);

export const pairLossLowerings = [
  lowers(
    pairLossKind,
    (out, { logps, reference, values, ranges, total, dlogps }, { kernel, numbers, scale }) => {
      checkF32(logps, reference, values, total, dlogps);
      const [a = 0, b = 0, c = 0, d = 0] = numbers;
      out.add({
        file: fileOf(kernel),
        kernel: kernel.name,
        tensors: { logps, reference, values, ranges, total, dlogps },
        params: { pairs: logps.size / 2, scale, a, b, c, d },
        units: 1,
        flops: 32 * logps.size,
      });
    },
  ),
];

const files = new Map<PairKernel, KernelFile>();

/** The kernel of an objective, parsed once. */
function fileOf(kernel: PairKernel): KernelFile {
  let file = files.get(kernel);
  if (!file) files.set(kernel, (file = parseKernels(kernel.name, kernel.kernels.cpu, fields)));
  return file;
}

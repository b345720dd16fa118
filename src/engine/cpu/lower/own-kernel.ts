import { ownKernelKind, type OwnKernels } from '../../ops/own_kernel.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels, type KernelFile } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

export const ownKernelLowerings = [
  lowers(ownKernelKind, (out, roles, { file, kernel, numbers, size }) => {
    const tensors = roles as Record<string, Tensor | undefined>;
    checkF32(...Object.values(tensors));
    out.add({
      file: fileOf(file),
      kernel,
      tensors,
      params: { size, ...numbers },
      units: size,
      grain: ELEMENTS,
      flops: 4 * size,
    });
  }),
];

const files = new Map<OwnKernels, KernelFile>();

/** The kernels of a contribution, parsed once. */
function fileOf(own: OwnKernels): KernelFile {
  let file = files.get(own);
  if (!file) files.set(own, (file = parseKernels(own.name, own.kernels.cpu)));
  return file;
}

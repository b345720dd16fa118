import normSource from '../kernels/gradient_norm.ts?raw';
import updateSource from '../kernels/update.ts?raw';
import { gradientNormKind } from '../../ops/gradient_norm.ts';
import { updateKind, type UpdateKernel } from '../../ops/update.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels, type KernelFile } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const normFile = parseKernels('gradient_norm', normSource);
const updateFile = parseKernels('update', updateSource);

/** As in kernels/gradient_norm.ts. */
const PART = 4096;

export const optimiserLowerings = [
  lowers(gradientNormKind, (out, { hyper, stats, gradients }) => {
    checkF32(hyper, stats, ...gradients);
    const counts = gradients.map(({ size }) => Math.ceil(size / PART));
    // In f64.
    const parts = out.tensor([counts.reduce((sum, count) => sum + count, 0), 2], 'u32', 'parts of the norm');
    let base = 0;
    gradients.forEach((g, index) => {
      out.add({
        file: normFile,
        kernel: 'normParts',
        tensors: { g, parts },
        params: { size: g.size, base },
        units: counts[index],
        grain: ELEMENTS / PART,
        flops: 2 * g.size,
      });
      base += counts[index];
    });
    out.add({
      file: normFile,
      kernel: 'normTotal',
      tensors: { hyper, allParts: parts, stats },
      params: { size: parts.rows, base: 0 },
      units: 1,
      flops: parts.size,
    });
  }),
  lowers(updateKind, (out, { hyper, stats, gradients, values, previous, state }, { kernel, rateScale }) => {
    checkF32(gradients, values, previous, ...state);
    // Kernels of optimisers work on whole vectors only.
    if (values.size % 4 !== 0) throw new Error(`${values.label}: ${values.size} are not whole vectors`);
    out.add({
      file: fileOf(kernel),
      kernel: kernel.name,
      tensors: {
        hyper,
        outcome: stats,
        g: gradients,
        p: values,
        previous,
        ...Object.fromEntries(kernel.planes.map((plane, i) => [plane, state[i]])),
      },
      params: { rateScale },
      units: values.size,
      grain: ELEMENTS,
      flops: 16 * values.size,
    });
  }),
];

const files = new Map<UpdateKernel, KernelFile>();

/** The kernel of an optimiser, parsed once. */
function fileOf(kernel: UpdateKernel): KernelFile {
  let file = files.get(kernel);
  if (!file) files.set(kernel, (file = parseKernels(kernel.name, kernel.kernels.cpu, updateFile.fields)));
  return file;
}

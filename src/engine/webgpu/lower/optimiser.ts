import normSource from '../../../../shaders/gradient_norm.wgsl?raw';
import updateSource from '../../../../shaders/update.wgsl?raw';
import { gradientNormKind } from '../../ops/gradient_norm.ts';
import { updateKind, type UpdateKernel } from '../../ops/update.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader, type Shader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const normShader = parseShader('gradient_norm', normSource);

/** Elements that a workgroup of the norm sums up, and the partial sums that it writes: one for each thread. */
const SUMMED_ELEMENTS = 64 * 64;
const PARTS = 64;
/** If there are more partial sums than this, they are added up once more before the last workgroup. */
const MANY_PARTS = 16_384;

export const optimiserLowerings = [
  lowers(gradientNormKind, (out, { hyper, stats, gradients }) => {
    let parts = sumParts(out, gradients, true);
    while (parts.size > MANY_PARTS) parts = sumParts(out, [parts], false);
    out.add({
      shader: normShader,
      entry: 'norm_total',
      tensors: { hyper, all_parts: parts, stats },
      params: { size: parts.size, base: 0 },
      workgroups: 1,
      flops: parts.size,
    });
  }),
  lowers(updateKind, (out, { hyper, stats, gradients, values, previous, state }, { kernel, rateScale }) => {
    out.add({
      shader: shaderOf(kernel),
      entry: 'update',
      tensors: {
        hyper,
        outcome: stats,
        g: gradients,
        p: values,
        ...Object.fromEntries(kernel.planes.map((plane, i) => [plane, state[i]])),
        previous,
      },
      params: { size: values.size, rateScale },
      workgroups: elementGroups(values.size),
      flops: 16 * values.size,
    });
  }),
];

const shaders = new Map<UpdateKernel, Shader>();

/** The shader of an optimiser, parsed once. */
function shaderOf(kernel: UpdateKernel): Shader {
  let shader = shaders.get(kernel);
  if (!shader)
    shaders.set(kernel, (shader = parseShader(kernel.name, `${updateSource}\n${kernel.kernels.webgpu}`)));
  return shader;
}

/** Each thread's sum of squares, or of partial sums. */
function sumParts(out: Dispatches, tensors: readonly Tensor[], square: boolean): Tensor {
  const counts = tensors.map(({ size }) => Math.ceil(size / SUMMED_ELEMENTS));
  const parts = out.tensor(
    [counts.reduce((sum, count) => sum + count * PARTS, 0)],
    'f32',
    'parts of the norm',
  );
  let base = 0;
  tensors.forEach((g, index) => {
    out.add({
      shader: normShader,
      entry: 'norm_parts',
      constants: { SQUARE: Number(square) },
      tensors: { g, parts },
      params: { size: g.size, base },
      workgroups: counts[index],
      flops: 2 * g.size,
    });
    base += counts[index] * PARTS;
  });
  return parts;
}

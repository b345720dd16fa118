import { ownKernelKind, type OwnKernels } from '../../ops/own_kernel.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers } from '../dispatch.ts';
import { parseShader, type Shader } from '../shader.ts';
import { elementGroups } from './shape.ts';

export const ownKernelLowerings = [
  lowers(ownKernelKind, (out, tensors, { file, kernel, numbers, size }) => {
    out.add({
      shader: shaderOf(file),
      entry: kernel,
      tensors: tensors as Record<string, Tensor | undefined>,
      params: { size, ...numbers },
      workgroups: elementGroups(size),
      flops: 4 * size,
    });
  }),
];

const shaders = new Map<OwnKernels, Shader>();

/** The shader of a contribution, parsed once. */
function shaderOf(file: OwnKernels): Shader {
  let shader = shaders.get(file);
  if (!shader) shaders.set(file, (shader = parseShader(file.name, file.kernels.webgpu)));
  return shader;
}

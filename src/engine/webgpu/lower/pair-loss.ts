import source from '../../../../shaders/pair_loss.wgsl?raw';
import { pairLossKind, type PairKernel } from '../../ops/pair_loss.ts';
import { lowers } from '../dispatch.ts';
import { parseShader, type Shader } from '../shader.ts';

export const pairLossLowerings = [
  lowers(
    pairLossKind,
    (out, { logps, reference, values, ranges, total, dlogps }, { kernel, numbers, scale }) => {
      const [a = 0, b = 0, c = 0, d = 0] = numbers;
      out.add({
        shader: shaderOf(kernel),
        tensors: {
          ...{ logps, reference, values, ranges, sum: total },
          dlogps: dlogps ?? out.tensor(logps.shape, 'f32', 'unread gradient of pairs'),
        },
        params: { pairs: logps.size / 2, scale, a, b, c, d },
        workgroups: 1,
        flops: 32 * logps.size,
      });
    },
  ),
];

const shaders = new Map<PairKernel, Shader>();

/** The shader of an objective, parsed once. */
function shaderOf(kernel: PairKernel): Shader {
  let shader = shaders.get(kernel);
  if (!shader)
    shaders.set(kernel, (shader = parseShader(kernel.name, `${source}\n${kernel.kernels.webgpu}`)));
  return shader;
}

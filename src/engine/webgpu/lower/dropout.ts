import source from '../../../../shaders/dropout.wgsl?raw';
import { dropoutKind } from '../../ops/dropout.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('dropout', source);

export const dropoutLowerings = [
  lowers(dropoutKind, (out, tensors, { probability, salt, accumulate }) => {
    const { size, dtype } = tensors.x;
    out.add({
      shader,
      types: { Elem: dtype },
      constants: { ACCUMULATE: Number(accumulate) },
      tensors,
      params: { size, salt, probability },
      workgroups: elementGroups(size),
      flops: 12 * size,
    });
  }),
];

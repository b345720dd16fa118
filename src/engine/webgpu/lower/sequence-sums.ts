import source from '../../../../shaders/sequence_sums.wgsl?raw';
import { sequenceSumsBackward, sequenceSumsKind } from '../../ops/sequence_sums.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

/** Threads of a workgroup of the shader. */
const THREADS = 64;

const shader = parseShader('sequence_sums', source);

export const sequenceSumsLowerings = [
  lowers(sequenceSumsKind, (out, { x, ranges, y }) => {
    out.add({
      shader,
      entry: 'forward',
      tensors: { x, ranges, y },
      params: { S: ranges.rows, R: x.size },
      workgroups: ranges.rows,
      flops: x.size,
    });
  }),
  lowers(sequenceSumsBackward, (out, { dy, ranges, dx }) => {
    out.add({
      shader,
      entry: 'backward',
      tensors: { dy, ranges, dx },
      params: { S: ranges.rows, R: dx.size },
      workgroups: Math.ceil(dx.size / THREADS),
      flops: dx.size,
    });
  }),
];

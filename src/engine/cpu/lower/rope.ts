import source from '../kernels/rope.ts?raw';
import { ropeBackward, ropeIntoCacheKind, ropeKind, type RopeAttributes } from '../../ops/rope.ts';
import type { Tensor } from '../../tensor.ts';
import { checkF32, lowers, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { scatterCommand } from './scatter-rows.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('rope', source);

type Angles = Record<'positions' | 'inverseFrequencies', Tensor>;

export const ropeLowerings = [
  lowers(ropeKind, (out, { turned, other, ...angles }, { otherHeads, ...attributes }) => {
    inPlace(out, turned, angles, attributes);
    if (other) inPlace(out, other, angles, { ...attributes, heads: otherHeads });
  }),
  lowers(ropeBackward, (out, { x, y, otherX, otherY, ...angles }, attributes) => {
    backward(out, { x, y }, angles, attributes);
    if (!otherX || !otherY) return;
    const { otherHeads: heads, accumulateOther: accumulate } = attributes;
    backward(out, { x: otherX, y: otherY }, angles, { ...attributes, heads, accumulate });
  }),
  lowers(ropeIntoCacheKind, (out, { q, k, v, rows, keys, values, ...angles }, attributes) => {
    inPlace(out, q, angles, attributes);
    inPlace(out, k, angles, { ...attributes, heads: attributes.otherHeads });
    scatterCommand(out, { source: k, rows, goal: keys });
    scatterCommand(out, { source: v, rows, goal: values });
  }),
];

type Attributes = Omit<RopeAttributes, 'otherHeads'>;

function inPlace(
  out: Commands,
  turned: Tensor,
  angles: Angles,
  { heads: H, headSize: D, pairs, scaling }: Attributes,
): void {
  checkF32(angles.inverseFrequencies, turned);
  out.add({
    file,
    kernel: 'ropeInPlace',
    tensors: { ...angles, turned },
    params: { H, D, pairs, scaling, accumulate: 0 },
    units: turned.rows,
    grain: rowsAtOnce(H * D),
    flops: 4 * turned.size,
  });
}

function backward(
  out: Commands,
  { x, y }: Record<'x' | 'y', Tensor>,
  angles: Angles,
  { heads: H, headSize: D, pairs, scaling, accumulate }: Attributes & { accumulate: boolean },
): void {
  checkF32(angles.inverseFrequencies, x, y);
  out.add({
    file,
    kernel: 'ropeBackward',
    tensors: { ...angles, x, y },
    params: { H, D, pairs, scaling, accumulate: Number(accumulate) },
    units: x.rows,
    grain: rowsAtOnce(H * D),
    flops: 4 * x.size,
  });
}

import source from '../../../../shaders/add.wgsl?raw';
import { addIntoKind, addKind, copyKind } from '../../ops/add.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('add', source);

export const addLowerings = [
  lowers(addKind, (out, { a, b, y }) => elementwise(out, 'add', y, a, b)),
  lowers(addIntoKind, (out, { a, y }) => addDispatch(out, a, y)),
  lowers(copyKind, (out, { a, y }) => copyDispatch(out, a, y)),
];

/** y += a. */
export function addDispatch(out: Dispatches, a: Tensor, y: Tensor): void {
  elementwise(out, 'add_into', y, a);
}

/** y = a, converted. */
export function copyDispatch(out: Dispatches, a: Tensor, y: Tensor): void {
  elementwise(out, 'copy', y, a);
}

function elementwise(out: Dispatches, entry: string, y: Tensor, a: Tensor, b?: Tensor): void {
  out.add({
    shader,
    entry,
    types: { ElemA: a.dtype, ElemY: y.dtype },
    tensors: { a, b, y },
    params: { size: y.size },
    workgroups: elementGroups(y.size),
    flops: y.size,
  });
}

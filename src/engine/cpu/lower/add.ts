import source from '../kernels/add.ts?raw';
import { addIntoKind, addKind, copyKind } from '../../ops/add.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, storedAs, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { ELEMENTS } from './shape.ts';

const file = parseKernels('add', source);

export const addLowerings = [
  lowers(addKind, (out, { a, b, y }) => elementwise(out, 'add', y, a, b)),
  lowers(addIntoKind, (out, { a, y }) => elementwise(out, 'addInto', y, a)),
  lowers(copyKind, (out, { a, y }) => elementwise(out, 'copy', y, a)),
];

function elementwise(out: Commands, kernel: string, y: Tensor, a: Tensor, b?: Tensor): void {
  // Integers are copied as if they were f32: their bits stay the same.
  const typeOf = (tensor: Tensor): number => (tensor.dtype === 'u32' ? 0 : storedAs(tensor));
  out.add({
    file,
    kernel,
    tensors: { a, b, y },
    params: { typeA: typeOf(a), typeY: typeOf(y) },
    units: y.size,
    grain: ELEMENTS,
    flops: y.size,
  });
}

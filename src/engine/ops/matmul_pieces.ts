/**
 * Matrix products with a weight, or its gradient, in pieces (pieces.ts): one product for each piece, by the kernel of the whole.
 *
 *   NT  x · Wᵀ    a piece of W gives some columns of the result
 *   NN  dy · W    some columns of dy and a piece of W give a term of the result, and the terms add up
 *   TN  dyᵀ · x   some columns of dy give a piece of dW
 *
 * NT and TN give the bits of one product. NN has the same terms in the same order, in sums of their own for each piece; they are added in
 * f32, whatever the type of the result.
 */
import { piecesOf, SplitTensor } from '../pieces.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import { addInto, copy } from './add.ts';
import type { MatmulOptions } from './matmul.ts';

type Options = MatmulOptions & { c: Tensor };

/** Whether a product has to be made in pieces. */
export function isInPieces({ b, c }: Options): boolean {
  return b instanceof SplitTensor || c instanceof SplitTensor;
}

/** Calls `product` for each piece. */
export function matmulInPieces<T extends Options>(tape: Tape, whole: T, product: (part: T) => void): void {
  const { layout, b, c } = whole;
  if (layout === 'TN' ? b instanceof SplitTensor : c instanceof SplitTensor)
    throw new Error(`matmul ${layout}: ${b.label} or ${c.label} is not to be in pieces`);
  if (layout === 'NT') columns(whole, product);
  else if (layout === 'NN') terms(tape, whole, product);
  else rows(whole, product);
}

function columns<T extends Options>(whole: T, product: (part: T) => void): void {
  const { b, c, bias, residual, lowRank } = whole;
  for (const { firstRow, tensor } of piecesOf(b)) {
    const width = widthOf(c, firstRow, tensor, b);
    product({
      ...whole,
      b: tensor,
      c: c.sliceColumns(firstRow, width),
      bias: bias?.sliceColumns(firstRow, tensor.rows),
      residual: residual?.sliceColumns(firstRow, width),
      lowRank: lowRank && { ...lowRank, l: lowRank.l.slice(firstRow, tensor.rows) },
    });
  }
}

function terms<T extends Options>(tape: Tape, whole: T, product: (part: T) => void): void {
  const { a, b, c, accumulate } = whole;
  if (whole.bias ?? whole.residual)
    throw new Error(`matmul NN: neither bias nor residual goes with pieces of ${b.label}`);
  const sum = c.dtype === 'f32' ? c : tape.tensor(c.shape, 'f32', `sum of ${c.label}`);
  for (const { firstRow, tensor } of piecesOf(b)) {
    const first = firstRow === 0;
    product({
      ...whole,
      a: a.sliceColumns(firstRow, widthOf(a, firstRow, tensor, b)),
      b: tensor,
      c: sum,
      accumulate: first ? sum === c && accumulate : true,
      lowRank: first ? whole.lowRank : undefined,
    });
  }
  if (sum !== c) (accumulate ? addInto : copy)(tape, sum, c);
}

function rows<T extends Options>(whole: T, product: (part: T) => void): void {
  const { a, c } = whole;
  for (const { firstRow, tensor } of piecesOf(c))
    product({ ...whole, a: a.sliceColumns(firstRow, widthOf(a, firstRow, tensor, c)), c: tensor });
}

/** Columns that belong to a piece, in a matrix with one for each row of `whole`: the last has the padding, too. */
function widthOf(matrix: Tensor, firstRow: number, piece: Tensor, whole: Tensor): number {
  return firstRow + piece.rows === whole.rows ? matrix.columns - firstRow : piece.rows;
}

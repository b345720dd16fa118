/**
 * Matrix products with a weight, or its gradient, in shards (shards.ts): one product for each shard, by the kernel of the whole.
 *
 *   NT  x · Wᵀ    a shard of W gives some columns of the result
 *   NN  dy · W    some columns of dy and a shard of W give a term of the result, and the terms add up
 *   TN  dyᵀ · x   some columns of dy give a shard of dW
 *
 * NT and TN give the same bits as one product. NN has the same terms in the same order, but one sum for each shard; the sums are added in f32,
 * whatever the type of the result.
 */
import type { Product } from './ops/matmul.ts';
import { shardsOf, ShardedTensor } from './shards.ts';
import type { Tensor } from './tensor.ts';

/** An f32 tensor where the terms of a result are added up, and how they are then copied into it. */
export interface WideSum {
  readonly sum: Tensor;
  readonly finish: (accumulate: boolean) => void;
}

/** Whether a product has to be made of shards. */
export function isSharded({ b, c }: Product): boolean {
  return b instanceof ShardedTensor || c instanceof ShardedTensor;
}

/**
 * Calls `product` for each shard.
 *
 * @param whole with the shapes of `Product`
 * @param wide makes the sum of a result that is not f32
 * @throws Error if B of TN or C of NT or NN is in shards, or if NN has a bias or a residual
 */
export function matmulOfShards<One extends Product>(
  whole: One,
  product: (part: One) => void,
  wide: (c: Tensor) => WideSum,
): void {
  const { layout, b, c } = whole;
  if (layout === 'TN' ? b instanceof ShardedTensor : c instanceof ShardedTensor)
    throw new Error(`matmul ${layout}: ${b.label} or ${c.label} is not to be in shards`);
  if (layout === 'NT') columns(whole, product);
  else if (layout === 'NN') terms(whole, product, wide);
  else rows(whole, product);
}

function columns<One extends Product>(whole: One, product: (part: One) => void): void {
  const { b, c, bias, residual, lowRank } = whole;
  for (const { firstRow, tensor } of shardsOf(b)) {
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

function terms<One extends Product>(
  whole: One,
  product: (part: One) => void,
  wide: (c: Tensor) => WideSum,
): void {
  const { a, b, c, accumulate } = whole;
  if (whole.bias ?? whole.residual)
    throw new Error(`matmul NN: neither bias nor residual goes with shards of ${b.label}`);
  const apart = c.dtype === 'f32' ? undefined : wide(c);
  const sum = apart?.sum ?? c;
  for (const { firstRow, tensor } of shardsOf(b)) {
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
  apart?.finish(accumulate === true);
}

function rows<One extends Product>(whole: One, product: (part: One) => void): void {
  const { a, c } = whole;
  for (const { firstRow, tensor } of shardsOf(c))
    product({ ...whole, a: a.sliceColumns(firstRow, widthOf(a, firstRow, tensor, c)), c: tensor });
}

/** Columns that belong to a shard, in a matrix with one for each row of `whole`: the last has the padding, too. */
function widthOf(matrix: Tensor, firstRow: number, shard: Tensor, whole: Tensor): number {
  return firstRow + shard.rows === whole.rows ? matrix.columns - firstRow : shard.rows;
}

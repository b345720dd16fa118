/** Cuts a product that would keep a GPU busy for too long into products of some rows of C. They have the bits of the whole. */
import { shapeOf, type MatmulOptions } from '../../ops/matmul.ts';
import { bytesPer, type Tensor } from '../../tensor.ts';
import { dispatchPieces } from '../pace.ts';

/** A product and where its result goes. */
type Product = Omit<MatmulOptions, 'kernel'> & { c: Tensor };

/** Bindings start at multiples of this many bytes. */
const ALIGNMENT = 256;
/** Rows of the tallest tile: parts of whole tiles have no rest. */
const TILE_ROWS = 128;

/**
 * The products that make up `whole`, in order of their rows.
 *
 * @param max floating-point operations of one; more if the rows of the tensors do not start on boundaries that can be bound, or if there would be too many
 */
export function rowsOfProduct<One extends Product>(whole: One, max: number): One[] {
  const { a, c, layout, residual, lowRank } = whole;
  const { M, N, K } = shapeOf(whole);
  const pieces = dispatchPieces(2 * M * N * (K + (lowRank?.z.columns ?? 0)), max);
  if (pieces === 1) return [whole];
  const cut = [c, residual, lowRank?.z, ...(layout === 'TN' ? [] : [a])].filter((tensor) => !!tensor);
  const unit = Math.max(
    ...cut.map(({ pitch, dtype }) => unitOf(pitch * bytesPer[dtype])),
    layout === 'TN' ? unitOf(bytesPer[a.dtype]) : 1,
  );
  const min = Math.max(unit, Math.floor(M / pieces / unit) * unit);
  const step = min > TILE_ROWS ? Math.floor(min / TILE_ROWS) * TILE_ROWS : min;
  return Array.from({ length: Math.ceil(M / step) }, (_, i) => {
    const start = i * step;
    const count = Math.min(step, M - start);
    const rows = (tensor: Tensor): Tensor => tensor.slice(start, count);
    return {
      ...whole,
      a: layout === 'TN' ? a.sliceColumns(start, count) : rows(a),
      c: rows(c),
      ...(residual && { residual: rows(residual) }),
      ...(lowRank && { lowRank: { ...lowRank, z: rows(lowRank.z) } }),
    };
  });
}

/** The fewest steps of so many bytes that lead to a boundary: a power of two. */
function unitOf(bytes: number): number {
  let unit = 1;
  while ((unit * bytes) % ALIGNMENT !== 0) unit *= 2;
  return unit;
}

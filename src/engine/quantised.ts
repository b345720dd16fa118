/**
 * Frozen matrices in quantised blocks, as shaders/weight_blocks.wgsl reads them: the layouts of llama.cpp (Q8_0, Q4_0, Q4_1), of bitsandbytes
 * (NF4), and of GGUF's other types, with quants and scales apart, in words.
 */
import { Tensor, sizeOf, type Storage } from './tensor.ts';
import type { Device } from './device.ts';

interface QuantisedFormat {
  /** FORMAT of weight_blocks.wgsl. */
  readonly code: number;
  /** Numbers of a block. The rows of a matrix are whole blocks. */
  readonly block: number;
  /** Numbers that share a factor and an offset. */
  readonly run: number;
  /** Bits of a quant. */
  readonly bits: 4 | 8;
  /** Bytes of a block's scales. */
  readonly scaleBytes: number;
}

export const QUANTISED_TYPES = [
  'q8_0',
  'q4_0',
  'q4_1',
  'nf4',
  'q5_1',
  'q2_k',
  'q3_k',
  'q4_k',
  'q5_k',
  'q6_k',
] as const;
export type QuantisedType = (typeof QUANTISED_TYPES)[number];

export const quantisedFormats: Readonly<Record<QuantisedType, QuantisedFormat>> = {
  q8_0: { code: 0, block: 32, run: 32, bits: 8, scaleBytes: 2 },
  q4_0: { code: 1, block: 32, run: 32, bits: 4, scaleBytes: 2 },
  q4_1: { code: 2, block: 32, run: 32, bits: 4, scaleBytes: 4 },
  nf4: { code: 3, block: 64, run: 64, bits: 4, scaleBytes: 4 },
  q5_1: { code: 4, block: 32, run: 32, bits: 8, scaleBytes: 4 },
  q2_k: { code: 5, block: 256, run: 16, bits: 4, scaleBytes: 20 },
  q3_k: { code: 6, block: 256, run: 16, bits: 4, scaleBytes: 20 },
  q4_k: { code: 7, block: 256, run: 32, bits: 4, scaleBytes: 20 },
  q5_k: { code: 8, block: 256, run: 32, bits: 8, scaleBytes: 20 },
  q6_k: { code: 9, block: 256, run: 16, bits: 8, scaleBytes: 20 },
};

/** Quants and scales of some rows, in the order of the device: the first number of a byte in its low bits, scales as they are stored. */
interface QuantisedRows {
  readonly quants: Uint8Array<ArrayBuffer>;
  readonly scales: Uint8Array<ArrayBuffer>;
}

/** Bytes of a matrix in blocks. */
export function quantisedBytes(shape: readonly number[], type: QuantisedType): number {
  const { block, scaleBytes } = quantisedFormats[type];
  return quantBytes(shape, type) + Math.ceil(((sizeOf(shape) / block) * scaleBytes) / 4) * 4;
}

function quantBytes(shape: readonly number[], type: QuantisedType): number {
  return (sizeOf(shape) * quantisedFormats[type].bits) / 8;
}

/** Whether rows of `columns` numbers are whole blocks. */
export function fitsQuantised(columns: number, type: QuantisedType): boolean {
  return columns > 0 && columns % quantisedFormats[type].block === 0;
}

/** A matrix in blocks on a device: words to the shaders, numbers by its shape. It is never trained. */
export class QuantisedTensor extends Tensor {
  constructor(
    storage: Storage,
    shape: readonly number[],
    readonly format: QuantisedType,
    /** Rows of the whole matrix in the storage, if this is a view of its first rows: scales follow the quants of all rows. */
    readonly storedRows = sizeOf(shape) / shape[shape.length - 1],
    /** Whether all blocks of a row have the same scale, so that a backend may add up its products in integers. Only in q8_0. */
    readonly rowScales = false,
  ) {
    super(storage, shape, 'u32');
  }

  override get bytes(): number {
    return quantisedBytes([this.storedRows, this.columns], this.format);
  }

  /** The first rows, without a copy: [count, columns]. @throws Error if `start` is not 0 */
  override slice(start: number, count: number): QuantisedTensor {
    if (start !== 0) throw new Error(`${this.label}: a slice has to start at the first row`);
    const { storage, format, storedRows, rowScales } = this;
    return new QuantisedTensor(storage, [count, this.columns], format, storedRows, rowScales);
  }
}

/**
 * A new matrix [N, K] in blocks, to be filled by `writeQuantised`.
 *
 * @param rowScales whether it will have one scale for each row: see {@link QuantisedTensor}
 * @throws Error if rows of K numbers are not whole blocks; GraftError as `Device.upload`
 */
export function createQuantised(
  device: Device,
  shape: readonly number[],
  type: QuantisedType,
  label: string,
  rowScales = false,
): QuantisedTensor {
  const columns = shape[shape.length - 1] ?? 0;
  if (!fitsQuantised(columns, type))
    throw new Error(`${label}: rows of ${columns} are not whole blocks of ${type}`);
  const { storage } = device.upload([quantisedBytes(shape, type) / 4], 'u32', label);
  return new QuantisedTensor(storage, shape, type, undefined, rowScales);
}

/**
 * Writes rows of a matrix [N, K], from `firstRow` on.
 *
 * @param parts of whole rows; if scales are f16, two blocks share a word: of an even number of blocks, unless they are the last
 */
export function writeQuantised(
  device: Device,
  tensor: QuantisedTensor,
  firstRow: number,
  parts: QuantisedRows,
): void {
  const { block, bits, scaleBytes } = quantisedFormats[tensor.format];
  const first = firstRow * tensor.columns;
  device.write(tensor, parts.quants, (first * bits) / 8);
  device.write(tensor, parts.scales, quantBytes(tensor.shape, tensor.format) + (first / block) * scaleBytes);
}

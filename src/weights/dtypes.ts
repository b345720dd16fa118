/**
 * Number formats of weights, and their conversions. Hosts are little-endian (WebGPU assumes it too).
 *
 * Names and sizes as in safetensors (https://github.com/huggingface/safetensors, `Dtype`); types smaller than a byte are not read.
 */
import { GraftError } from '../errors.ts';
import { BLOCKS, isBlockType, type BlockType } from './blocks.ts';
import { dequantiseBlocks } from './gguf/take-apart.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.ts';

export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.ts';

/** Bytes of one element. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

/** The types of tensors in files: numbers one after the other, or GGUF's blocks. */
export type StoredType = Dtype | BlockType;

/** Bytes of a tensor. NaN if its rows (the last dimension) are not whole blocks: such a tensor is impossible. */
export function storedBytes(type: StoredType, shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!isBlockType(type)) return count * DTYPE_BYTES[type];
  const { values, bytes } = BLOCKS[type];
  return (shape.at(-1) ?? 1) % values === 0 ? (count / values) * bytes : NaN;
}

/** Bytes at an address that a view of `size`-byte elements can have; copied only if they are not. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/**
 * Stored bytes → f32. F32 that is aligned is a view of the same memory, everything else a new array; blocks are unpacked.
 * Throws `dtype-not-float` for integers, booleans and f8, naming the tensor.
 */
export function toFloat32(bytes: Uint8Array, dtype: StoredType, tensor = 'a tensor'): Float32Array {
  if (isBlockType(dtype)) return dequantiseBlocks(bytes, dtype);
  const size = DTYPE_BYTES[dtype];
  const count = bytes.byteLength / size;
  const { buffer, byteOffset } = aligned(bytes, size);
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, count));
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    default:
      throw new GraftError(
        'dtype-not-float',
        `Tensor ${tensor} is stored as ${dtype}, but F32, F16, BF16 or F64 is needed.`,
        'Use a version of the model that is not quantised.',
      );
  }
}

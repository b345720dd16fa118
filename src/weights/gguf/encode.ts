/** Numbers as the bytes of a tensor in a GGUF file. */
import { float32ToBfloat16, float32ToFloat16 } from '../half.ts';
import { kQuantisers } from './quantise-k.ts';
import { smallQuantisers } from './quantise-small.ts';

/** The types that tensors can be written in. */
export type EncodedType = 'F32' | 'F16' | 'BF16' | keyof typeof smallQuantisers | keyof typeof kQuantisers;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer, byteOffset, byteLength);

const ENCODERS: Readonly<
  Record<EncodedType, (values: Float32Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>>
> = {
  F32: bytesOf,
  F16: (values) => bytesOf(float32ToFloat16(values)),
  BF16: (values) => bytesOf(float32ToBfloat16(values)),
  ...smallQuantisers,
  ...kQuantisers,
};

/** @param values rows of whole blocks */
export function encodeValues(values: Float32Array<ArrayBuffer>, type: EncodedType): Uint8Array<ArrayBuffer> {
  return ENCODERS[type](values);
}

/**
 * The wire format of protocol buffers, as far as an ONNX file needs it: fields are written and never read. Numbers of fields:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
import { concatBytes } from '../../weights/safetensors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

/** A whole number from 0, or a negative one as its two's complement of 64 bits. */
function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

const key = (field: number, type: number): Bytes => varint(field * 8 + type);

export const integer = (field: number, value: number): Bytes =>
  concatBytes([key(field, VARINT), varint(value)]);

export function float(field: number, value: number): Bytes {
  return concatBytes([key(field, FIXED32), new Uint8Array(Float32Array.of(value).buffer)]);
}

/** The start of a text, bytes or a message, whose `size` bytes follow. */
export const opening = (field: number, size: number): Bytes =>
  concatBytes([key(field, LENGTH), varint(size)]);

export function message(field: number, ...parts: readonly Bytes[]): Bytes {
  const content = concatBytes(parts);
  return concatBytes([opening(field, content.length), content]);
}

export const textField = (field: number, value: string): Bytes =>
  message(field, Uint8Array.from(new TextEncoder().encode(value)));

export const integers = (field: number, values: readonly number[]): Bytes =>
  concatBytes(values.map((value) => integer(field, value)));

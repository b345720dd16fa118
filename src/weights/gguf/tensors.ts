/** The tensors of a GGUF file under their Hugging Face names, with their bytes as the Hugging Face folder would have them. */
import { GraftError } from '../../errors.ts';
import type { ByteSource } from '../bytes.ts';
import { isBlockType } from '../blocks.ts';
import { storedBytes, toFloat32 } from '../dtypes.ts';
import type { TensorEntry } from '../safetensors.ts';
import { architectureOf, tensorName, type TensorChange } from './architectures.ts';
import type { GgufHeader, GgufTensor } from './header.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** @throws GraftError `gguf-unsupported`, `gguf-metadata`, `gguf` */
export function ggufTensors(header: GgufHeader): Map<string, TensorEntry> {
  const architecture = architectureOf(header);
  const entries = new Map<string, TensorEntry>();
  for (const tensor of header.tensors) {
    const named = tensorName(architecture, tensor.name, header);
    if (named) entries.set(named.name, entryOf(header.source, tensor, named.name, named.change));
  }
  return entries;
}

function entryOf(
  source: ByteSource,
  tensor: GgufTensor,
  name: string,
  change: TensorChange | undefined,
): TensorEntry {
  const { start } = tensor;
  const raw = (from: number, to: number): Promise<Bytes> => source.read(start + from, start + to);
  if (change?.kind === 'transposed') {
    const { read, ...other } = transposed(source, tensor, raw);
    return { ...entry(source, name, other, read), turned: entry(source, name, tensor, raw) };
  }
  if (change?.kind === 'filter') {
    const [channels, ...rest] = tensor.shape;
    return entry(source, name, { ...tensor, shape: [channels, 1, ...rest] }, raw);
  }
  return entry(source, name, tensor, reader(source, tensor, change, raw));
}

function entry(
  source: ByteSource,
  name: string,
  { type, shape, byteLength }: Pick<GgufTensor, 'type' | 'shape' | 'byteLength'>,
  read: (from: number, to: number) => Promise<Bytes>,
): TensorEntry {
  return {
    name,
    dtype: type,
    shape,
    byteLength,
    file: source.name,
    read: () => read(0, byteLength),
    async readRange(from, to) {
      if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= byteLength)) {
        throw new GraftError(
          'bytes-range',
          `Bytes ${from} to ${to} of tensor ${name} were asked for, which has ${byteLength}.`,
          'This is a defect of Graft: report it.',
        );
      }
      return read(from, to);
    },
  };
}

/** Reads bytes of a tensor and undoes the converter's changes. */
function reader(
  source: ByteSource,
  { name, type, shape, byteLength }: GgufTensor,
  change: Exclude<TensorChange, { kind: 'transposed' | 'filter' }> | undefined,
  raw: (from: number, to: number) => Promise<Bytes>,
): (from: number, to: number) => Promise<Bytes> {
  if (!change) return raw;
  if (change.kind === 'plus-one') {
    if (type !== 'F32') throw wrong(source, name, `is stored as ${type}, but a norm must be F32`);
    return async (from, to) => {
      const [first, last] = [Math.floor(from / 4) * 4, Math.ceil(to / 4) * 4];
      const values = new Float32Array((await raw(first, last)).slice().buffer);
      for (let i = 0; i < values.length; i++) values[i] -= 1;
      return new Uint8Array(values.buffer, from - first, to - from);
    };
  }
  const headBytes = byteLength / change.heads;
  const headRows = shape[0] / change.heads;
  if (!Number.isInteger(headRows) || headRows % 2 !== 0)
    throw wrong(source, name, `has ${shape[0]} rows, which are not ${change.heads} heads of an even size`);
  const rowBytes = storedBytes(type, shape.slice(1));
  return async (from, to) => {
    const [first, last] = [Math.floor(from / headBytes) * headBytes, Math.ceil(to / headBytes) * headBytes];
    const bytes = pairsApart(await raw(first, last), headRows, rowBytes);
    return bytes.subarray(from - first, to - first);
  };
}

/** A matrix transposed, as the folder has it. Blocks cannot be transposed: they are unpacked. */
function transposed(
  source: ByteSource,
  { name, type, shape, byteLength }: GgufTensor,
  raw: (from: number, to: number) => Promise<Bytes>,
): Pick<GgufTensor, 'type' | 'shape' | 'byteLength'> & {
  read: (from: number, to: number) => Promise<Bytes>;
} {
  if (shape.length !== 2) throw wrong(source, name, `is not a matrix: [${shape.join(', ')}]`);
  const [rows, columns] = shape;
  const turned = isBlockType(type) ? 'F32' : type;
  const size = storedBytes(turned, []);
  return {
    type: turned,
    shape: [columns, rows],
    byteLength: rows * columns * size,
    async read(from, to) {
      const stored = await raw(0, byteLength);
      const bytes = isBlockType(type) ? new Uint8Array(toFloat32(stored, type).buffer) : stored;
      const out = new Uint8Array(rows * columns * size);
      for (let at = 0; at < out.length; at++) {
        const element = Math.floor(at / size);
        const place = (element % rows) * columns + Math.floor(element / rows);
        out[at] = bytes[place * size + (at % size)];
      }
      return out.subarray(from, to);
    },
  };
}

/** Rows 0, 1, 2, 3 … of each head, of which two are a pair, → 0, 2, 4 … 1, 3, 5 …: the two of a pair half a head apart. */
function pairsApart(rows: Bytes, headRows: number, rowBytes: number): Bytes {
  const out = new Uint8Array(rows.length);
  const half = headRows / 2;
  for (let row = 0; row * rowBytes < rows.length; row++) {
    const inHead = row % headRows;
    const to = row - inHead + (inHead >> 1) + (inHead & 1) * half;
    out.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return out;
}

function wrong(source: ByteSource, tensor: string, what: string): GraftError {
  return new GraftError('gguf', `${source.name}: tensor ${tensor} ${what}.`, 'Fetch the file again.');
}

/**
 * Between a model folder and Graft's own layout: some folders drop or change the start of names, GPT-2's have linear layers transposed, and those of
 * mixtures may have a tensor for each expert.
 */
import { sizeOf } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import type { FileSet } from '../weights/bytes.ts';
import type { StoredType } from '../weights/dtypes.ts';
import { openWeights, type WeightSource } from '../weights/folder.ts';
import { concatBytes, type TensorEntry } from '../weights/safetensors.ts';
import type { ModelDefinition, WeightedModel, WeightSpec } from './definition.ts';

/** The folder's weights under the model's own names. @throws GraftError as `openWeights` */
export async function openModelWeights(
  files: FileSet,
  { weights, renamed = [] }: Pick<WeightedModel, 'weights' | 'renamed'>,
): Promise<WeightSource> {
  const source = await openWeights(files);
  const find = (name: string): TensorEntry | undefined => {
    const entry = source.get(name);
    if (entry) return entry;
    for (const [ours, theirs] of renamed) {
      const other = name.startsWith(ours) && source.get(`${theirs}${name.slice(ours.length)}`);
      if (other) return other;
    }
    return undefined;
  };
  const inParts = new Map(weights.filter(({ parts }) => parts).map((spec) => [spec.name, spec]));
  return {
    names: () => source.names(),
    onlyWeights: source.onlyWeights,
    get(name) {
      const spec = inParts.get(name);
      return find(name) ?? (spec && joined(spec, find));
    },
  };
}

/**
 * One tensor of the parts that the folder has in its place; undefined if it has none of them.
 *
 * @throws GraftError `weights-tensor` naming a part that is missing or does not go with the others
 */
function joined(
  { name, shape, parts: names = [] }: WeightSpec,
  find: (name: string) => TensorEntry | undefined,
): TensorEntry | undefined {
  const found = names.map(find);
  const first = found.find((part) => part !== undefined);
  if (!first) return undefined;
  const columns = shape[shape.length - 1];
  const own = [sizeOf(shape) / columns / names.length, columns];
  const { dtype, file, byteLength: size } = first;
  const parts = found.map((part, i) => {
    if (!part) throw wrongPart(`The weights have ${first.name} and no ${names[i]}`);
    if (part.dtype !== dtype || part.shape.join() !== own.join())
      throw wrongPart(
        `Tensor ${part.name} is ${part.dtype} [${part.shape.join(', ')}], and config.json and the others ask for ${dtype} [${own.join(', ')}]`,
      );
    return part;
  });
  const byteLength = size * parts.length;
  const readRange = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    const within = parts.slice(Math.floor(start / size), Math.ceil(end / size));
    const before = Math.floor(start / size) * size;
    const bytes: Uint8Array<ArrayBuffer>[] = [];
    for (const [i, part] of within.entries()) {
      const at = before + i * size;
      bytes.push(await part.readRange(Math.max(0, start - at), Math.min(size, end - at)));
    }
    return bytes.length === 1 ? bytes[0] : concatBytes(bytes);
  };
  return { name, dtype, shape, byteLength, file, parts, read: () => readRange(0, byteLength), readRange };
}

function wrongPart(what: string): GraftError {
  return new GraftError(
    'weights-tensor',
    `${what}.`,
    'Check that config.json and the weights belong together.',
  );
}

/**
 * Tensors of the folder that are not weights of the model: in a multimodal folder, all except the text part. A head that is tied to the
 * embedding does not count: it would be a second, older copy.
 */
export function otherTensors({ weights, shape }: ModelDefinition, source: WeightSource): TensorEntry[] {
  const known = new Set(
    weights.flatMap(({ name }) => {
      const entry = source.get(name);
      return entry?.parts?.map((part) => part.name) ?? entry?.name;
    }),
  );
  const tied = shape.head !== undefined && !HEAD.test(shape.head);
  return source
    .names()
    .filter((name) => !known.has(name) && !(tied && HEAD.test(name)))
    .map((name) => source.get(name)!);
}

const HEAD = /(^|\.)lm_head\.weight$/;

/** The shape that the folder has for a weight. */
export function folderShape({ shape, transposed, filter }: WeightSpec): readonly number[] {
  if (filter) return [shape[0], 1, shape[1]];
  return transposed ? [...shape].reverse() : shape;
}

/**
 * A weight of the folder in the model's layout: the entry to read, and whether it still has to be transposed. A GGUF file has
 * GPT-2's linear layers as the model does, and not as its folder would.
 */
export function inModelLayout(spec: WeightSpec, entry: TensorEntry): { entry: TensorEntry; turn: boolean } {
  if (!spec.transposed) return { entry, turn: false };
  return entry.turned ? { entry: entry.turned, turn: false } : { entry, turn: true };
}

/** The type that a weight has in its file; undefined if it is not there. */
export function storedType(source: WeightSource, spec: WeightSpec): StoredType | undefined {
  const entry = source.get(spec.name);
  return entry && inModelLayout(spec, entry).entry.dtype;
}

/** The bytes of a matrix [rows, columns], all elements of one size, as those of its transpose. */
export function transposeBytes(bytes: Uint8Array, [rows, columns]: readonly number[]): Uint8Array {
  const size = bytes.length / (rows * columns);
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size;
      const to = (column * rows + row) * size;
      for (let byte = 0; byte < size; byte++) out[to + byte] = bytes[from + byte];
    }
  }
  return out;
}

/** Trained values, or their gradients, in the layout of a folder. */
export function toFolder(spec: WeightSpec, values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (!spec.transposed) return values;
  const [rows, columns] = spec.shape;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

/** The numbers of a folder in the model's layout: the reverse of {@link toFolder}. */
export function toModel(spec: WeightSpec, values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return spec.transposed ? toFolder({ ...spec, shape: folderShape(spec) }, values) : values;
}

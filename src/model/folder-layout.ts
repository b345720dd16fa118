/**
 * Between a model folder and Graft's own layout: some folders drop or change the start of names, and GPT-2's have linear layers
 * transposed.
 */
import type { FileSet } from '../weights/bytes.ts';
import type { StoredType } from '../weights/dtypes.ts';
import { openWeights, type WeightSource } from '../weights/folder.ts';
import type { TensorEntry } from '../weights/safetensors.ts';
import type { ModelDefinition, WeightedModel, WeightSpec } from './family.ts';

/** The folder's weights under the model's own names. @throws GraftError as `openWeights` */
export async function openModelWeights(
  files: FileSet,
  { renamed = [] }: Pick<WeightedModel, 'renamed'>,
): Promise<WeightSource> {
  const source = await openWeights(files);
  return {
    names: () => source.names(),
    onlyWeights: source.onlyWeights,
    get(name) {
      const entry = source.get(name);
      if (entry) return entry;
      for (const [ours, theirs] of renamed) {
        const other = name.startsWith(ours) && source.get(`${theirs}${name.slice(ours.length)}`);
        if (other) return other;
      }
      return undefined;
    },
  };
}

/**
 * Tensors of the folder that are not weights of the model: in a multimodal folder, all except the text part. A head that is tied to the
 * embedding does not count: it would be a second, older copy.
 */
export function otherTensors({ weights, shape }: ModelDefinition, source: WeightSource): TensorEntry[] {
  const known = new Set(weights.map(({ name }) => source.get(name)?.name));
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

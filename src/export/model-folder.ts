/** Writes a model folder: weights next to the configuration and the tokenizer of the folder that the model came from. */
import type { ModelDefinition } from '../model/definition.ts';
import { folderShape, openModelWeights, otherTensors, toFolder } from '../model/folder-layout.ts';
import type { NamedArrays } from '../train/state.ts';
import type { ByteSource, FileSet } from '../weights/bytes.ts';
import { COMPANIONS } from '../weights/companions.ts';
import { storedBytes } from '../weights/dtypes.ts';
import { safetensorsHeader, type TensorToWrite } from '../weights/safetensors.ts';
import type { FolderFile } from './folder-sink.ts';
import { passedOn, passedOnPieces } from './merge.ts';

export const MODEL_WEIGHTS = 'model.safetensors';

export interface Companion {
  /** In its folder. */
  readonly name: string;
  readonly source: ByteSource;
}

/** What a folder has besides its weights. */
export async function companionsOf(files: FileSet): Promise<Companion[]> {
  const present = new Set(files.list());
  const found: Companion[] = [];
  for (const name of COMPANIONS) {
    const source = present.has(name) ? await files.open(name) : undefined;
    if (source) found.push({ name, source });
  }
  return found;
}

/** Bytes that are read at once. */
const CHUNK = 4 * 2 ** 20;

const folderFile = ({ name, source }: Companion): FolderFile => ({
  name,
  size: source.size,
  async *read() {
    for (let start = 0; start < source.size; start += CHUNK)
      yield await source.read(start, Math.min(start + CHUNK, source.size));
  },
});

/** These files, to be written elsewhere. */
export async function companionFiles(files: FileSet): Promise<FolderFile[]> {
  return (await companionsOf(files)).map(folderFile);
}

/** All files of a folder, to be written elsewhere. */
export async function filesOfFolder(files: FileSet): Promise<FolderFile[]> {
  const sources = await Promise.all(
    files.list().map(async (name) => ({ name, source: (await files.open(name))! })),
  );
  return sources.map(folderFile);
}

/**
 * The weights of a fully fine-tuned model, tensor by tensor: trained weights in f32 under the names of the base's folder, all others unchanged.
 *
 * @param files of the base
 * @param values of the trained weights
 * @throws GraftError as `openWeights`; RangeError as `safetensorsHeader`
 */
export async function tunedWeights(
  files: FileSet,
  definition: ModelDefinition,
  values: NamedArrays,
): Promise<FolderFile> {
  const source = await openModelWeights(files, definition);
  const others = otherTensors(definition, source);
  const tensors: Omit<TensorToWrite, 'data'>[] = [
    ...definition.weights.map((spec) => {
      const entry = source.get(spec.name)!;
      return values.has(spec.name)
        ? { name: entry.name, dtype: 'F32' as const, shape: folderShape(spec) }
        : passedOn(entry);
    }),
    ...others.map(passedOn),
  ];
  const header = safetensorsHeader(tensors, { format: 'pt' });
  async function* weights(): AsyncGenerator<Uint8Array> {
    yield header;
    for (const spec of definition.weights) {
      const learned = values.get(spec.name);
      if (!learned) {
        yield* passedOnPieces(source.get(spec.name)!);
        continue;
      }
      const { buffer, byteOffset, byteLength } = toFolder(spec, learned);
      yield new Uint8Array(buffer, byteOffset, byteLength);
    }
    for (const entry of others) yield* passedOnPieces(entry);
  }
  const size = tensors.reduce((sum, { dtype, shape }) => sum + storedBytes(dtype, shape), header.byteLength);
  return { name: MODEL_WEIGHTS, size, read: weights };
}

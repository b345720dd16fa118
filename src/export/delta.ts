/**
 * A tuned model as a delta: the tensors that differ from those of its base, as they are in the tuned model, with a fingerprint of the base. Base and
 * delta give the tuned weights again, byte for byte; a difference of numbers would be rounded on the way.
 */
import { GraftError } from '../errors.ts';
import { hashOf } from '../model/content.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { readModel } from '../model/family.ts';
import { openModelWeights, otherTensors } from '../model/folder-layout.ts';
import type { ByteSource, FileSet } from '../weights/bytes.ts';
import { storedBytes } from '../weights/dtypes.ts';
import type { WeightSource } from '../weights/folder.ts';
import {
  openSafetensors,
  safetensorsHeader,
  type SafetensorsEntry,
  type TensorEntry,
  type TensorToWrite,
} from '../weights/safetensors.ts';
import type { FolderFile } from './folder-sink.ts';
import { passedOn, passedOnPieces } from './merge.ts';
import { MODEL_WEIGHTS } from './model-folder.ts';

export const DELTA = 'delta.safetensors';
/** Keys in the metadata of the file. */
const FINGERPRINT = 'graft_delta_base';
/** Bytes at both ends of each tensor that the fingerprint looks at. */
const END_BYTES = 4096;

/** How the file header describes a tensor, and where its bytes come from. */
interface Part {
  readonly written: Omit<TensorToWrite, 'data'>;
  readonly read: () => AsyncIterable<Uint8Array>;
}

/**
 * Identifies the weights of a base, however its files are split: names, types, shapes, and both ends of every tensor.
 *
 * @returns SHA-256 in hexadecimal digits
 */
async function fingerprintOf(definition: ModelDefinition, source: WeightSource): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const entry of tensorsOf(definition, source)) {
    const { name, dtype, shape, byteLength } = entry;
    parts.push(
      new TextEncoder().encode(`\0${name}\0${dtype}\0${shape.join()}\0`),
      await entry.readRange(0, Math.min(byteLength, END_BYTES)),
      await entry.readRange(Math.max(0, byteLength - END_BYTES), byteLength),
    );
  }
  return hashOf(parts);
}

/** Every tensor of a folder in the order in which Graft writes them. */
function tensorsOf(definition: ModelDefinition, source: WeightSource): TensorEntry[] {
  return [...definition.weights.map(({ name }) => source.get(name)!), ...otherTensors(definition, source)];
}

/**
 * The file of a delta. Reads both models once to compare them, and the tensors that differ again when it is written; only a part of a tensor is in memory at a time.
 *
 * @throws GraftError `delta-base` for models that do not belong together, or are the same
 */
export async function deltaFile(base: FileSet, tuned: FileSet): Promise<FolderFile> {
  const { definition, from, changed } = await compared(base, tuned);
  if (changed.length === 0)
    throw notItsBase(`${tuned.name} has the weights of ${base.name}, and nothing differs`);
  const parts = changed.map((entry): Part => ({
    written: passedOn(entry),
    read: () => passedOnPieces(entry),
  }));
  const metadata = { format: 'pt', [FINGERPRINT]: await fingerprintOf(definition, from) };
  return safetensorsFile(DELTA, parts, metadata);
}

/**
 * How many numbers the tensors of a tuned model have that differ from its base's. Reads both models once.
 *
 * @throws GraftError `delta-base` for models that do not belong together
 */
export async function changedParameters(base: FileSet, tuned: FileSet): Promise<number> {
  const { changed } = await compared(base, tuned);
  return changed.reduce((sum, { shape }) => sum + shape.reduce((size, length) => size * length, 1), 0);
}

/** The tensors of the tuned model that differ from the base's. */
async function compared(
  base: FileSet,
  tuned: FileSet,
): Promise<{
  readonly definition: ModelDefinition;
  readonly from: WeightSource;
  readonly changed: readonly TensorEntry[];
}> {
  const definition = await readModel(base);
  const [from, to] = [await openModelWeights(base, definition), await openModelWeights(tuned, definition)];
  const tunedEntries = new Map(tensorsOf(definition, to).map((entry) => [entry?.name, entry]));
  const changed: TensorEntry[] = [];
  for (const entry of tensorsOf(definition, from)) {
    const other = tunedEntries.get(entry.name);
    if (!other || other.shape.join() !== entry.shape.join())
      throw notItsBase(`${tuned.name} has no tensor ${entry.name} of the shape [${entry.shape.join(', ')}]`);
    if (!(await areSame(entry, other))) changed.push(other);
  }
  return { definition, from, changed };
}

/**
 * The weights of the tuned model: from the delta if it has them, otherwise from the base.
 *
 * @param delta as {@link deltaFile} wrote it
 * @throws GraftError `delta-base` for a base other than the delta's, `delta-file` for a file that is not a delta
 */
export async function tunedFromDelta(
  base: FileSet,
  delta: ByteSource,
): Promise<{ readonly file: FolderFile; readonly tensors: number }> {
  const definition = await readModel(base);
  const source = await openModelWeights(base, definition);
  const { tensors, metadata } = await openSafetensors(delta);
  const made = metadata.get(FINGERPRINT);
  if (made === undefined)
    throw new GraftError(
      'delta-file',
      `${delta.name} is not a delta: it does not name its base.`,
      'Give a file that graft export --format delta wrote.',
    );
  if (made !== (await fingerprintOf(definition, source)))
    throw notItsBase(`${delta.name} was made from another model than ${base.name}`);
  const left = new Map<string, SafetensorsEntry>(tensors);
  const parts = tensorsOf(definition, source).map((entry): Part => {
    const changed = left.get(entry.name) ?? entry;
    left.delete(entry.name);
    if (changed.shape.join() !== entry.shape.join())
      throw notItsBase(`${delta.name} has ${entry.name} in the shape [${changed.shape.join(', ')}]`);
    return { written: passedOn(changed), read: () => passedOnPieces(changed) };
  });
  const [stranger] = left.keys();
  if (stranger !== undefined)
    throw notItsBase(`${delta.name} has the tensor ${stranger.slice(0, 200)}, which ${base.name} does not`);
  return { file: safetensorsFile(MODEL_WEIGHTS, parts, { format: 'pt' }), tensors: tensors.size };
}

/** Whether two tensors have the same bytes when written. */
async function areSame(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  const written = passedOn(a);
  if (written.dtype !== passedOn(b).dtype || b.byteLength !== storedBytes(written.dtype, written.shape))
    return false;
  let at = 0;
  for await (const piece of passedOnPieces(a)) {
    const other = await b.readRange(at, at + piece.byteLength);
    if (piece.some((byte, i) => byte !== other[i])) return false;
    at += piece.byteLength;
  }
  return true;
}

function safetensorsFile(
  name: string,
  parts: readonly Part[],
  metadata: Readonly<Record<string, string>>,
): FolderFile {
  const tensors = parts.map(({ written }) => written);
  const header = safetensorsHeader(tensors, metadata);
  const size = tensors.reduce((sum, { dtype, shape }) => sum + storedBytes(dtype, shape), header.byteLength);
  return {
    name,
    size,
    async *read() {
      yield header;
      for (const part of parts) yield* part.read();
    },
  };
}

function notItsBase(what: string): GraftError {
  return new GraftError(
    'delta-base',
    `${what}.`,
    'Give the base that the model was tuned from, as it was then.',
  );
}

/** The weights of a model folder: one model.safetensors, or shards with an index, or a GGUF file. */
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import { readJson, type FileSet } from './bytes.ts';
import { GgufFolder } from './gguf/folder.ts';
import { parseSafetensors, type TensorEntry } from './safetensors.ts';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** The largest open models have under 200. */
const MAX_SHARDS = 10_000;

export interface WeightSource {
  names(): string[];
  get(name: string): TensorEntry | undefined;
  /** Whether every tensor is a weight of the model. A GGUF file's are; folders of safetensors may hold buffers besides. */
  readonly onlyWeights: boolean;
}

function wrong(files: FileSet, what: string): GraftError {
  return new GraftError(
    'weights-index',
    `${files.name}/${INDEX} ${what}.`,
    'Fetch the model folder again, all of it.',
  );
}

/** The index's map from tensor to shard. A shard is a file of the same folder, never a path out of it. */
function readIndex(files: FileSet, index: Record<string, unknown>): Map<string, string> {
  const { weight_map: weightMap } = index;
  if (!isObject(weightMap)) throw wrong(files, 'has no weight_map');
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
      throw wrong(
        files,
        `puts tensor ${tensor} in ${JSON.stringify(shard)?.slice(0, 80)}, which is not a safetensors file`,
      );
    }
    shardOf.set(tensor, shard);
  }
  if (shardOf.size === 0) throw wrong(files, 'lists no tensors');
  return shardOf;
}

async function openShards(files: FileSet, shardOf: Map<string, string>): Promise<Map<string, TensorEntry>> {
  const shards = new Map<string, Map<string, TensorEntry>>();
  const shardNames = new Set(shardOf.values());
  if (shardNames.size > MAX_SHARDS) throw wrong(files, `lists ${shardNames.size} shards`);
  for (const shard of shardNames) {
    const source = await files.open(shard);
    if (!source) {
      throw new GraftError(
        'weights-missing',
        `${files.name}/${shard}, which ${INDEX} lists, is not there.`,
        'Fetch the model folder again, all of it.',
      );
    }
    shards.set(shard, await parseSafetensors(source));
  }
  const tensors = new Map<string, TensorEntry>();
  for (const [tensor, shard] of shardOf) {
    const entry = shards.get(shard)?.get(tensor);
    if (!entry) throw wrong(files, `puts tensor ${tensor} in ${shard}, which does not hold it`);
    tensors.set(tensor, entry);
  }
  return tensors;
}

/** Names of the folder's GGUF files, if they are its weights: safetensors take precedence. */
function ggufNames(files: FileSet): string[] {
  const names = files.list();
  if (names.includes(SINGLE) || names.includes(INDEX)) return [];
  return names.filter((name) => /^[^/]+\.gguf$/i.test(name));
}

/**
 * A folder as Graft reads it: unchanged, or, if its weights are a GGUF file, with files from its metadata in place of
 * missing ones.
 *
 * @throws GraftError `weights-several` for more than one GGUF file, and those of a bad one: `gguf`, `gguf-unsupported`, `gguf-metadata`
 */
export async function modelFolder(files: FileSet): Promise<FileSet> {
  if (files instanceof GgufFolder) return files;
  const names = ggufNames(files);
  if (names.length === 0) return files;
  if (names.length > 1) {
    throw new GraftError(
      'weights-several',
      `${files.name} has ${names.length} GGUF files: ${names.slice(0, 4).join(', ')}.`,
      'Choose one of the files. One model in several parts is not read.',
    );
  }
  return GgufFolder.open(files, (await files.open(names[0]))!);
}

/**
 * The names of the files that hold a folder's weights, the index of shards among them; none if it has no weights.
 *
 * @throws GraftError `weights-index` for a bad index, and those of a bad JSON file
 */
export async function weightFileNames(files: FileSet): Promise<string[]> {
  if (files.list().includes(SINGLE)) return [SINGLE];
  const index = await readJson(files, INDEX);
  return index ? [INDEX, ...new Set(readIndex(files, index).values())] : ggufNames(files);
}

/**
 * Opens a folder's weights: headers are read and checked, tensors are read when asked for. As in transformers, a single
 * model.safetensors takes precedence over an index, and both over GGUF.
 * Throws `weights-missing` if there are none, `weights-index` for a bad index, those of `modelFolder`, `safetensors` and JSON errors for
 * a bad file.
 */
export async function openWeights(files: FileSet): Promise<WeightSource> {
  const folder = await modelFolder(files);
  const tensors = folder instanceof GgufFolder ? folder.tensors : await openSafetensors(files);
  return {
    names: () => [...tensors.keys()],
    get: (name) => tensors.get(name),
    onlyWeights: folder instanceof GgufFolder,
  };
}

async function openSafetensors(files: FileSet): Promise<Map<string, TensorEntry>> {
  const single = await files.open(SINGLE);
  if (single) return parseSafetensors(single);
  const index = await readJson(files, INDEX);
  if (!index) {
    const other = files.list().find((name) => /\.(bin|pt|pth|h5|msgpack)$/.test(name));
    throw new GraftError(
      'weights-missing',
      `${files.name} has neither ${SINGLE} nor ${INDEX}${other ? ` (only ${other})` : ''}.`,
      'Use a model folder in the safetensors format, or a GGUF file.',
    );
  }
  return openShards(files, readIndex(files, index));
}

/** Model folders, bundled with the app or chosen by a person, and the facts about an open model. */
import { fetchFile } from '../../answers.ts';
import type { Device } from '../../engine/device.ts';
import { sizeOf } from '../../engine/tensor.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { foldersWith } from '../../export/adapter-zip.ts';
import type { StoredAs } from '../../model/base-weights.ts';
import { contentParts, hashOf } from '../../model/content.ts';
import { activeParametersOf, parametersOf, type WeightSpec } from '../../model/definition.ts';
import { readPooledEncoder } from '../../model/encoder.ts';
import { LanguageModel } from '../../model/language-model.ts';
import type { WeightChoices } from '../../model/weight-types.ts';
import { lastNames } from '../../adapters/targets.ts';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import { blobSource, memoryFiles, type FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { ModelInfo, Progress } from '../api.ts';
import { takesSystemPrompt } from '../../text/system-prompt.ts';

/** The source of a model: enough to open it again on another device. */
export interface ModelSource {
  readonly name: string;
  readonly files: FileSet;
  readonly bundled: boolean;
  /** The types of its frozen matrices: as stored if left out. */
  readonly baseWeights?: WeightChoices;
  /** Whether it is an encoder, which a run tunes. */
  readonly encodes?: true;
}

export interface OpenModel {
  /** The model as opened, if this one has new tokens. */
  readonly base?: OpenModel;
  readonly source: ModelSource;
  readonly info: ModelInfo;
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  /** Identifies content, precision and the types of the weights: a run is resumed only on the model that it began with. */
  readonly fingerprint: string;
  /** Identifies the content alone: rows belong to it, whatever the types of the weights. */
  readonly content: string;
  /** Frees it after its run: an encoder is open for that only. Missing for the model of the session. */
  readonly close?: () => Promise<void>;
}

export const BUNDLED = 'sprig';
/** As its README states it, which the page does not fetch. */
export const BUNDLED_LICENCE = 'apache-2.0';
const BUNDLED_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'model.safetensors',
];

/**
 * Fetches the bundled model's folder.
 *
 * @param base address of the app, with a slash at the end
 * @throws GraftError `worker-fetch` naming the file
 */
export async function fetchBundled(
  base: string,
  onProgress: (progress: Progress) => void,
): Promise<ModelSource> {
  const record: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const name of BUNDLED_FILES) {
    const path = `models/${BUNDLED}/${name}`;
    record[name] = await fetchBytes(new URL(path, base), path, (done, total) =>
      onProgress({ what: 'reading', done, total }),
    );
  }
  return { name: BUNDLED, files: memoryFiles(record, BUNDLED), bundled: true };
}

async function fetchBytes(
  url: URL,
  path: string,
  onProgress: (done: number, total: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    // The declared length of a compressed answer is less than what arrives.
    return await fetchFile(url, (done, declared) => onProgress(done, Math.max(declared, done)));
  } catch (cause) {
    throw new GraftError(
      'worker-fetch',
      `${path} could not be fetched: ${messageOf(cause)}.`,
      'Check that the app is complete and its server answers, then try again.',
      { cause },
    );
  }
}

const pathOf = (file: File): string => file.webkitRelativePath || file.name;

/**
 * The folders of chosen or dropped files that hold `root`, each with its slash, the nearest to the top first; the chosen folder itself if none does.
 *
 * @param root the file that marks the folder: config.json, adapter_config.json
 */
export function foldersOfFiles(files: readonly File[], root: string): [string, ...string[]] {
  const paths = files.map(pathOf);
  const [first, ...more] = foldersWith(root, paths);
  const [path = ''] = paths;
  return [first ?? path.slice(0, path.indexOf('/') + 1), ...more];
}

/**
 * Chosen or dropped files as a folder.
 *
 * @param root as of {@link foldersOfFiles}
 * @param prefix one of these; the first if left out
 */
export function folderOfFiles(
  name: string,
  files: readonly File[],
  root: string,
  prefix = foldersOfFiles(files, root)[0],
): FileSet {
  const paths = new Map(files.map((file) => [pathOf(file), file]));
  const inside = new Map(
    [...paths]
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, file]) => [path.slice(prefix.length), file]),
  );
  return {
    name,
    list: () => [...inside.keys()],
    async open(path) {
      const file = inside.get(path);
      return file && blobSource(path, file);
    },
  };
}

/** @throws GraftError `config-…`, `tokenizer-…`, `weights-…`, `safetensors`, `engine-…` */
export async function openModel(
  device: Device,
  source: ModelSource,
  onProgress: (progress: Progress) => void,
): Promise<OpenModel> {
  const files = await modelFolder(source.files);
  // First, since it is quick and the file most likely to be missing.
  const tokenizer = await loadTokenizer(files);
  const model = await LanguageModel.load(device, files, {
    ...(source.encodes && { definition: await readPooledEncoder(files), precision: 'f32' }),
    baseWeights: source.baseWeights,
    onProgress: (done, total) => onProgress({ what: 'loading', done, total }),
  });
  try {
    const parts = await contentParts(source.files);
    const fingerprint = await hashOf(parts, model.dtype, model.held === 'stored' ? undefined : model.held);
    const content = await hashOf(parts);
    return {
      source,
      info: { ...describeModel(source, model, tokenizer), fingerprint, content },
      model,
      tokenizer,
      fingerprint,
      content,
    };
  } catch (error) {
    await model.destroy();
    throw error;
  }
}

function describeModel(
  { name, bundled }: ModelSource,
  { definition, dtype, weightChoices, storedAs }: LanguageModel,
  tokenizer: Tokenizer,
): Omit<ModelInfo, 'fingerprint' | 'content'> {
  const { modelType, shape, weights, linears } = definition;
  return {
    name,
    bundled,
    modelType,
    parameters: parametersOf(definition),
    ...(definition.decoder?.experts && { activeParameters: activeParametersOf(definition) }),
    layers: shape.layers,
    vocabulary: shape.vocabulary,
    maxPositions: shape.maxPositions,
    chatTemplate: tokenizer.chatTemplate !== undefined,
    systemPrompt: takesSystemPrompt(tokenizer),
    precision: dtype,
    baseWeights: weightChoices,
    fileTypes: fileTypes(weights, storedAs),
    targets: lastNames(linears),
  };
}

/** Types of the matrices, the one with the most numbers first. */
function fileTypes(weights: readonly WeightSpec[], storedAs: StoredAs): string[] {
  const sizes = new Map<string, number>();
  for (const spec of weights.filter(({ shape }) => shape.length > 1))
    sizes.set(storedAs(spec), (sizes.get(storedAs(spec)) ?? 0) + sizeOf(spec.shape));
  return [...sizes].sort(([, a], [, b]) => b - a).map(([type]) => type);
}

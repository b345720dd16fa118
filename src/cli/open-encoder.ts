/** The common start of the commands that make vectors of texts: an encoder's folder, then the encoder itself on a device. */
import { basename, resolve } from 'node:path';
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import { contentParts, hashOf } from '../model/content.ts';
import { Embedder } from '../model/embedder.ts';
import { Encoder } from '../model/encoder.ts';
import { readEncoder } from '../model/family.ts';
import { isOnnxEncoder } from '../model/onnx-encoder.ts';
import { POOLINGS, readPooling, readWindow, type PoolingSettings } from '../model/pooling.ts';
import { INT8_WEIGHTS, WEIGHT_CHOICES } from '../model/weight-types.ts';
import { textIds, type TextIds } from '../text/text-ids.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FileSet } from '../weights/bytes.ts';
import { ONNX_FILES } from '../weights/companions.ts';
import { folder, modelOf } from './files.ts';
import type { Flags, FlagSpec, FlagSpecs } from './flags.ts';
import { openDeviceByFlags } from './open-device.ts';
import { formatBytes, type Output } from './output.ts';
import { modelFlags, openAdapter, PRECISIONS, readWeightChoices, requiredTokenizer } from './session.ts';

/** A choice of `--base-weights` for encoders only. */
const INT8 = 'int8';

export const encoderFlags = {
  ...modelFlags,
  'base-weights': {
    value: [...WEIGHT_CHOICES, INT8].join('|'),
    help: 'type of the matrices; int8 also rounds what they multiply to 7 bits on the CPU: twice as fast, and other vectors (default stored)',
  },
  model: { value: 'DIR', help: 'an encoder: a Hugging Face folder of the BERT family' },
  adapter: {
    value: 'DIR',
    help: 'a PEFT adapter folder, such as graft train --objective contrastive writes',
  },
  prefix: { value: 'TEXT', help: 'put before every text, such as "query: " for e5' },
  pooling: {
    value: POOLINGS.join('|'),
    help: "how the vectors of tokens become one, if the folder's own choice is not wanted or not there",
  },
} as const satisfies FlagSpecs;

/** A command may describe some of these in words of its own. */
export type EncoderFlags = Flags<Readonly<Record<keyof typeof encoderFlags, FlagSpec>>>;

export interface EncoderFolder {
  readonly files: FileSet;
  readonly settings: PoolingSettings;
  readonly tokenizer: Tokenizer;
  /** Numbers of a vector; 0 for a model that makes none. */
  readonly size: number;
  /** Tokens of a text at most, special ones included. */
  readonly window: number;
  readonly prefix: string;
  /** The ids of a text after the prefix. */
  idsOf(text: string): TextIds;
}

/**
 * Reads all of an encoder but its weights, so that what is wrong with a folder shows at once.
 *
 * @throws GraftError `arguments`, `encoder-onnx`, `config-…`, `tokenizer-…`, `family`, `file-missing`
 */
export async function readEncoderFolder(flags: EncoderFlags, output: Output): Promise<EncoderFolder> {
  const files = await modelOf(flags.required('model'));
  if (await isOnnxEncoder(await withOnnx(files)))
    throw new GraftError(
      'encoder-onnx',
      `${files.name} has weights that only ONNX Runtime can run, and the command comes without it.`,
      'Use this encoder on the page, which brings ONNX Runtime. Here choose a folder of the BERT family with model.safetensors, or make an index with --words-only and search it with --method bm25.',
    );
  const { maxPositions, channels } = (await readEncoder(files)).shape;
  const settings = await readPooling(files, flags.choice('pooling', POOLINGS));
  if (!settings.known)
    output.line(
      `${files.name} has no modules.json, which says how tokens are pooled: their mean is taken (--pooling cls takes the first token), and every vector has length 1.`,
    );
  const window = await readWindow(files, maxPositions);
  const tokenizer = await requiredTokenizer(files);
  const prefix = flags.text('prefix') ?? '';
  const idsOf = (text: string): TextIds => textIds(tokenizer, prefix + text, window);
  return { files, settings, tokenizer, size: channels, window, prefix, idsOf };
}

/** The folder with its ONNX files in the list: that of a folder on disk names no files of the folders in it. */
async function withOnnx(files: FileSet): Promise<FileSet> {
  const found = await Promise.all(
    ONNX_FILES.map(async (file) => ((await files.open(file)) === undefined ? [] : [file])),
  );
  const there = found.flat();
  if (there.length === 0) return files;
  return {
    name: files.name,
    list: () => [...files.list(), ...there],
    open: (file) => files.open(file),
  };
}

const NO_VECTORS: PoolingSettings = { pooling: 'mean', normalise: false, known: true };

/**
 * A model that counts tokens and makes no vectors: any with a tokenizer.
 *
 * @throws GraftError `arguments` for flags that are about vectors, `tokenizer-…`, `file-missing`
 */
export async function readTokenCounter(flags: EncoderFlags): Promise<EncoderFolder> {
  const idle = (['adapter', 'prefix', 'pooling'] as const).find((name) => flags.isGiven(name));
  if (idle) throw new GraftError('arguments', `--${idle} is about vectors, and --words-only makes none.`, '');
  const files = await modelOf(flags.required('model'));
  const tokenizer = await requiredTokenizer(files);
  const none = { ids: [], cut: false };
  return { files, settings: NO_VECTORS, tokenizer, size: 0, window: 0, prefix: '', idsOf: () => none };
}

interface OpenOptions {
  /** Whether the weights stay on disk. */
  readonly offload?: boolean;
  /** A device that is open already, instead of the one that the flags name. */
  readonly device?: Device | undefined;
  /** Whether weights are in int8, whatever the flags say. */
  readonly int8?: boolean;
}

/**
 * Loads the weights.
 *
 * @throws GraftError `engine-…`, `weights-…`, `safetensors`
 */
export async function openEncoder(
  { files, settings }: EncoderFolder,
  flags: EncoderFlags,
  output: Output,
  { device: opened, int8 = asksForInt8(flags), offload = false }: OpenOptions = {},
): Promise<Embedder> {
  const adapter = flags.text('adapter');
  const device = opened ?? (await openDeviceByFlags(flags, output));
  const encoder = await Encoder.load(device, files, {
    precision: flags.choice('precision', PRECISIONS) ?? 'f32',
    weights: int8
      ? { ...INT8_WEIGHTS, embeddings: flags.choice('embedding-weights', WEIGHT_CHOICES) }
      : readWeightChoices(flags),
    offload,
    onProgress: (done, total) =>
      output.progress(`Loading weights: ${formatBytes(done)} of ${formatBytes(total)}`),
    ...(adapter !== undefined && { adapt: (model) => openAdapter(adapter, model) }),
  });
  return new Embedder(encoder, settings);
}

const asksForInt8 = (flags: EncoderFlags): boolean =>
  flags.choice('base-weights', [...WEIGHT_CHOICES, INT8]) === INT8;

/** The type of the matrices, and of what else has a type, for the file of an index. */
export function weightsInWords(flags: EncoderFlags): string {
  const others = [flags.text('embedding-weights'), flags.text('precision')];
  return [flags.text('base-weights') ?? 'stored', ...others].filter((part) => part !== undefined).join(' ');
}

/**
 * Whether questions are embedded in int8: as the chunks of an index were.
 *
 * @param path the folder of the index
 * @param weights that it was made with (`weightsInWords`)
 * @throws GraftError `index-settings` if the flags ask for something else
 */
export function isIndexInt8(path: string, weights: string, flags: EncoderFlags): boolean {
  const [matrices] = weights.split(' ');
  const int8 = matrices === INT8;
  const asked = flags.text('base-weights');
  if (asked !== undefined && asksForInt8(flags) !== int8)
    throw new GraftError(
      'index-settings',
      `${path} was made with --base-weights ${matrices}, and this call has ${asked}: vectors in int8 are compared with each other only.`,
      'Leave --base-weights out: a search takes int8 if the index has it.',
    );
  return int8;
}

/** Samples between the ends of each file of weights that identify a model. */
const MODEL_PIECES = 256;

/** Identifies the weights that make vectors: those of the model, and those of its adapter. */
export async function encoderContent({ files }: EncoderFolder, flags: EncoderFlags): Promise<string> {
  const parts = await contentParts(files, MODEL_PIECES);
  const path = flags.text('adapter');
  for (const name of path === undefined ? [] : ['adapter_config.json', 'adapter_model.safetensors']) {
    const file = await folder(path!).open(name);
    if (file) parts.push(await file.read(0, file.size));
  }
  return hashOf(parts);
}

/** The name of the model, with that of its adapter, for messages. */
export function encoderName(flags: EncoderFlags): string {
  const nameOf = (path: string): string => basename(resolve(path));
  const adapter = flags.text('adapter');
  return `${nameOf(flags.required('model'))}${adapter === undefined ? '' : ` with ${nameOf(adapter)}`}`;
}

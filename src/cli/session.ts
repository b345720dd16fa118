/** The common start of most commands: a device, a model on it, and possibly its tokenizer and an adapter. */
import type { StatePlanes } from '../engine/parameters.ts';
import type { Device } from '../engine/device.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import type { Precision } from '../model/precision.ts';
import type { TrainedPart } from '../model/trained-part.ts';
import { WEIGHT_CHOICES, type WeightChoices } from '../model/weight-types.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { BASE_SETTINGS } from '../settings/run.ts';
import { GraftError } from '../errors.ts';
import type { FileSet } from '../weights/bytes.ts';
import { folder, modelOf } from './files.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { tokenizerWithTokens } from '../export/grown-folder.ts';
import type { FlagSpec, FlagSpecs, Flags } from './flags.ts';
import { deviceFlag, kernelsFlag, openDeviceByFlags, threadsFlag } from './open-device.ts';
import { formatBytes, type Output } from './output.ts';
import { settingFlags } from './setting-flags.ts';

/** Flags of every command that runs a model. */
export const modelFlags = {
  model: { value: 'PATH', help: 'a Hugging Face model folder, or a GGUF file' },
  ...settingFlags(BASE_SETTINGS),
  device: deviceFlag,
  threads: threadsFlag,
  kernels: kernelsFlag,
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

/** The flag of commands that only compute forwards. */
export const offloadFlag = {
  help: 'leave the weights on disk, and have those of one layer at a time on the device: for a model that does not fit into its memory',
} as const satisfies FlagSpec;

/** Says how much memory a forward with weights on disk took. */
export function reportPeak({ peakBytes }: Device, output: Output): void {
  output.line(`The device held at most ${formatBytes(peakBytes)} at once.`);
}

/** The types in which the frozen matrices are stored. */
export function readWeightChoices(
  flags: Flags<Readonly<Record<'base-weights' | 'embedding-weights', FlagSpec>>>,
): WeightChoices {
  return {
    matrices: flags.choice('base-weights', WEIGHT_CHOICES) ?? 'stored',
    embeddings: flags.choice('embedding-weights', WEIGHT_CHOICES),
  };
}

export const PRECISIONS: readonly Precision[] = ['f32', 'f16', 'auto'];

export interface LoadedModel {
  readonly device: Device;
  readonly model: LanguageModel;
  readonly files: FileSet;
}

interface SessionOptions {
  /** The weights that are trained. */
  trainable?: boolean | TrainedPart;
  /** The optimiser's state of each trained weight. */
  state?: StatePlanes;
  /** The default without a flag. */
  precision?: Precision;
  /** The model's files, instead of those that the flags name. */
  files?: FileSet;
  /** What its config.json says, for an encoder. */
  definition?: ModelDefinition;
  /** Whether the weights stay on disk: for logits only. */
  offload?: boolean;
  /** A device that is open already. */
  device?: Device | undefined;
}

/** A command may describe some of these in words of its own. */
type ModelFlags = Flags<Readonly<Record<keyof typeof modelFlags, FlagSpec>>>;

export async function openSession(
  flags: ModelFlags,
  output: Output,
  {
    trainable = false,
    state,
    precision: fallback = 'auto',
    files: known,
    definition,
    offload = false,
    device: opened,
  }: SessionOptions = {},
): Promise<LoadedModel> {
  const files = known ?? (await modelOf(flags.required('model')));
  const precision = flags.choice('precision', PRECISIONS) ?? fallback;
  const device = opened ?? (await openDeviceByFlags(flags, output));
  const baseWeights = readWeightChoices(flags);
  if (offload) {
    const model = await LanguageModel.offloaded(device, files, { precision, baseWeights, definition });
    reportUnquantised(model, output);
    return { device, model, files };
  }
  const model = await LanguageModel.load(device, files, {
    precision,
    baseWeights,
    trainable,
    state,
    definition,
    onProgress: (done, total) =>
      output.progress(`Loading weights: ${formatBytes(done)} of ${formatBytes(total)}`),
  });
  reportUnquantised(model, output);
  return { device, model, files };
}

function reportUnquantised({ weights, dtype }: LanguageModel, output: Output): void {
  const names = weights.unquantised ?? [];
  if (names.length > 0)
    output.line(
      `${names.length} of the matrices, such as ${names[0]}, stay ${dtype}: their rows are not whole blocks.`,
    );
}

/** The tokenizer of a model folder, or undefined if it has none. */
export async function folderTokenizer(files: FileSet): Promise<Tokenizer | undefined> {
  return files.list().includes('tokenizer.json') ? loadTokenizer(files) : undefined;
}

/** @throws GraftError `tokenizer-missing` */
export async function requiredTokenizer(files: FileSet): Promise<Tokenizer> {
  const tokenizer = await folderTokenizer(files);
  if (!tokenizer)
    throw new GraftError(
      'tokenizer-missing',
      `${files.name} has no tokenizer.json.`,
      'Choose a complete model folder.',
    );
  return tokenizer;
}

/** Loads a PEFT folder for inference. */
export async function openAdapter(path: string, model: LanguageModel): Promise<Adapter> {
  const { modules, tensors } = await readCheckedPeft(folder(path), model.definition);
  return Adapter.frozen(model, modules, tensors);
}

/**
 * The tokenizer for an adapter: if that adds tokens, the one in its folder, or the base's with the new tokens.
 *
 * @param tokenizer of the base
 * @throws GraftError `adapter-fit` if its ids are not those of the adapter
 */
export async function tokenizerOfAdapter<Of extends Tokenizer | undefined>(
  path: string,
  { modules }: Pick<Adapter, 'modules'>,
  files: FileSet,
  tokenizer: Of,
): Promise<Of | Tokenizer> {
  const added = addedTokens(modules);
  return added ? tokenizerWithTokens(added, files, folder(path)) : tokenizer;
}

/** The model to ask: the base or an adapter, with its tokenizer. @throws GraftError `tokenizer-missing`, `adapter-…` */
export async function openAsked(
  path: string | undefined,
  { model, files }: Pick<LoadedModel, 'model' | 'files'>,
): Promise<{ readonly adapter: Adapter | undefined; readonly tokenizer: Tokenizer }> {
  const tokenizer = await requiredTokenizer(files);
  if (path === undefined) return { adapter: undefined, tokenizer };
  const adapter = await openAdapter(path, model);
  return { adapter, tokenizer: await tokenizerOfAdapter(path, adapter, files, tokenizer) };
}

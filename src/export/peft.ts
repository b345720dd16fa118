/**
 * Reads and writes PEFT's adapter folder: adapter_config.json, adapter_model.safetensors and a model card. What is written loads with
 * `PeftModel.from_pretrained`; what PEFT writes for the kinds of adapters/ is read.
 */
import { isBeside, kindOf, kindOfPeft, layersOf } from '../adapters/registry.ts';
import type { AdapterConfig, AdapterKind, AdapterModule, AdapterTensors } from '../adapters/kind.ts';
import { savedNames } from '../adapters/saved/saved.ts';
import { addedTokens, tokenIndices } from '../adapters/tokens/tokens.ts';
import { PeftConfigReader, unsupportedIn } from '../adapters/peft-config.ts';
import { ALL_LINEAR, isTarget, lastNames } from '../adapters/targets.ts';
import { sizeOf } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { isObject, parseJson, type JsonObject } from '../json.ts';
import { weightOf, type ModelDefinition } from '../model/definition.ts';
import { readJson, type FileSet } from '../weights/bytes.ts';
import { toFloat32 } from '../weights/dtypes.ts';
import {
  concatBytes,
  openSafetensors,
  parseSafetensors,
  writeSafetensors,
  type TensorEntry,
} from '../weights/safetensors.ts';
import { addedTexts, type NewTokens } from '../text/added-tokens.ts';
import { baseFields, withBasePlace, withLoadSection, type BasePlace } from './load-section.ts';
import { modelCard, type CardFacts } from './model-card.ts';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const CARD = 'README.md';
const TOKENIZER = 'tokenizer.json';
/** What is read of a folder. */
export const PEFT_FILES: readonly string[] = [CONFIG, WEIGHTS, CARD, TOKENIZER];
const MAX_TOKENIZER_BYTES = 64 * 2 ** 20;
const INDICES = 'trainable_token_indices';
/** Among the metadata of the weights, if PEFT reads nothing else. */
const AFTER_PROMPT = 'after_prompt';
const ADDED_TOKENS = 'added_tokens';

/** An adapter as plain data: what it applies to, and its values. */
export interface AdapterData {
  readonly config: AdapterConfig;
  readonly modules: readonly AdapterModule[];
  readonly tensors: AdapterTensors;
}

/** The kind of the adapter in a PEFT folder; undefined if there is none that Graft knows. @throws GraftError `json-…` */
export async function peftKind(files: FileSet): Promise<string | undefined> {
  const config = await readJson(files, CONFIG);
  return config && kindOfPeft(config)?.name;
}

/** Files by name. */
export type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** An adapter in the form that is saved: a kind that exists only in training becomes one that PEFT knows. @throws Error as `kindOf` */
export function portableAdapter(adapter: AdapterData): AdapterData {
  const { config, modules, tensors } = adapter;
  return kindOf(config).portable?.(config, modules, tensors) ?? adapter;
}

/** @throws GraftError `export-format` for modules that are trained next to the layers, which formats of other programs lack */
export function refuseBeside({ modules }: AdapterData, name: string): void {
  if (addedTokens(modules))
    throw new GraftError(
      'export-format',
      `${name} adds tokens to the vocabulary, but this format holds only low-rank matrices.`,
      'Export the adapter as a PEFT folder, or a merged model.',
    );
  const parameter = modules.find(isParameter);
  if (parameter)
    throw new GraftError(
      'export-format',
      `${name} is on ${parameter.path} as well, but this format holds only those of linear layers.`,
      'Export the adapter as a PEFT folder, or a merged model.',
    );
  const names = savedNames(modules);
  if (names.length > 0)
    throw new GraftError(
      'export-format',
      `${name} has ${names.join(' and ')} trained in full, but this format holds only low-rank matrices.`,
      'Export the adapter as a PEFT folder, or a merged model.',
    );
}

/** What to do with an adapter that a format cannot hold. @param merged the advice for a kind that can be merged */
export function mergedInstead(
  { label, unmergeable }: Pick<AdapterKind, 'label' | 'unmergeable'>,
  merged: string,
): string {
  return unmergeable === undefined
    ? merged
    : `A merged model cannot hold it either: export a PEFT folder, or train LoRA in place of ${label}.`;
}

/** The files of a PEFT adapter folder; tensors in f32. @throws RangeError if a tensor's data does not have its shape; Error as `kindOf` */
export function writePeft(adapter: AdapterData, facts: CardFacts): Files {
  const { config, modules, tensors } = portableAdapter(adapter);
  const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
  const added = addedTokens(modules);
  return {
    [CONFIG]: text(`${JSON.stringify(peftConfig(config, modules, facts), null, 2)}\n`),
    [WEIGHTS]: concatBytes(
      writeSafetensors(
        modules
          .flatMap((module) => kindOf(module).parameters(module))
          .map(({ name, shape }) => ({ name, dtype: 'F32' as const, shape, data: tensors.get(name)! }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
        {
          format: 'pt',
          ...(facts.afterPrompt !== undefined && { [AFTER_PROMPT]: facts.afterPrompt }),
          ...(added && { [ADDED_TOKENS]: JSON.stringify(added.texts) }),
        },
      ),
    ),
    [CARD]: text(modelCard(config, facts)),
  };
}

/** The files of a PEFT folder with another place of its base: in the card, and in the configuration if it can name that place. */
export function withBase(files: Files, place: BasePlace): Files {
  const edit = (name: string, change: (text: string) => string): Files => {
    if (!Object.hasOwn(files, name)) return {};
    const text = new TextDecoder().decode(files[name]);
    return { [name]: new TextEncoder().encode(change(text)) };
  };
  return {
    ...files,
    ...(place.kind !== 'local' && edit(CONFIG, (config) => withBasePlace(config, place))),
    ...edit(CARD, (card) => withLoadSection(card, place)),
  };
}

function peftConfig(
  config: AdapterConfig,
  modules: readonly AdapterModule[],
  { baseModel, base, encodes }: CardFacts,
): Readonly<Record<string, unknown>> {
  const own: Readonly<Record<string, unknown>> = {
    base_model_name_or_path: baseModel,
    ...(base && base.kind !== 'local' && baseFields(base)),
    // Required by PEFT for Conv1D. Reading ignores it: the base model knows the layout of its layers.
    fan_in_fan_out: modules.some(({ transposed }) => transposed),
    inference_mode: true,
    modules_to_save: savedNames(modules).length > 0 ? savedNames(modules) : null,
    target_modules: peftTargets(config, modules),
    ...(modules.some(isParameter) && { target_parameters: peftParameters(config, modules) }),
    task_type: encodes ? 'FEATURE_EXTRACTION' : 'CAUSAL_LM',
    ...(addedTokens(modules) && { [INDICES]: tokenIndices(modules) }),
    ...kindOf(config).writePeft(config, modules),
  };
  return Object.fromEntries(Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** If the language model is only a part, other parts have layers of the same names: full paths tell PEFT which ones are meant. */
function peftTargets({ targets }: AdapterConfig, all: readonly AdapterModule[]): readonly string[] {
  const modules = all.filter((module) => !isBeside(module) && !isParameter(module));
  if (modules.some(({ path }) => /(^|\.)language_model\./.test(path))) return modules.map(({ path }) => path);
  if (targets.includes(ALL_LINEAR)) return lastNames(modules);
  if (!all.some(isParameter)) return targets;
  return targets.filter((target) => modules.some((module) => isTarget({ targets: [target] }, module)));
}

const isParameter = ({ isParameter: is = false }: AdapterModule): boolean => is;

/** Names of parameters of layers. PEFT does not choose layers for them: if not all have an adapter, each is named. */
function peftParameters(
  { layersToTransform = [] }: AdapterConfig,
  modules: readonly AdapterModule[],
): readonly string[] {
  const names = modules.filter(isParameter).map(weightOf);
  if (layersToTransform.length > 0) return names;
  return [...new Set(names.map((name) => name.replace(/^.*\.layers\.\d+\./, '')))];
}

/**
 * Reads a PEFT adapter for a base model. Which layers it has comes from the tensors, and the rest from the configuration.
 *
 * @throws GraftError `adapter-missing`, `adapter-config`, `adapter-unsupported`, `adapter-fit` (naming the first tensor that does not fit)
 */
export async function readPeft(files: FileSet, model: ModelDefinition): Promise<AdapterData> {
  const json = await readJson(files, CONFIG, 1 << 20);
  if (!json) throw await missingFile(files, CONFIG);
  const source = await files.open(WEIGHTS);
  if (!source) throw await missingFile(files, WEIGHTS);
  const { kind, config } = readConfig(
    json,
    `${files.name}/${CONFIG}`,
    model,
    await textsOfTokens(files, json),
  );
  const entries = await parseSafetensors(source);

  const modules: AdapterModule[] = [];
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  const known = new Set<string>();
  const isThere = (name: string): boolean => entries.has(name);
  for (const layer of layersOf(kind, model, config)) {
    const linear = kind.filed?.(layer, config, isThere) ?? layer;
    const names = kind.parameters(kind.module(linear, config)).map(({ name }) => name);
    const present = names.find((name) => entries.has(name));
    if (present === undefined) continue;
    const absent = names.find((name) => !entries.has(name));
    if (absent !== undefined) throw unfit(`${files.name} has ${present} without ${absent}`);
    const module = kind.module(linear, config, (name) => entries.get(name)!.shape);
    for (const { name, shape } of kind.parameters(module)) {
      const entry = entries.get(name)!;
      checkShape(entry, shape);
      known.add(name);
      tensors.set(name, await floats(entry));
    }
    const disagreement = kind.disagreement?.(module, config);
    if (disagreement !== undefined) throw unfit(disagreement);
    modules.push(module);
  }
  const beside = kind.beside?.(model, config) ?? [];
  if (addedTokens(beside)?.texts.includes(''))
    throw unsupportedIn(
      `${files.name}/${CONFIG}`,
      'trainable_token_indices for tokens that tokenizer.json of this folder does not add',
    );
  for (const { name, shape } of beside.flatMap((module) => kindOf(module).parameters(module))) {
    const entry = entries.get(name);
    if (!entry)
      throw unfit(
        `${files.name}/${WEIGHTS} has no ${name}, which modules_to_save or trainable_token_indices name`,
      );
    checkVocabulary(entry, shape, files.name);
    checkShape(entry, shape);
    known.add(name);
    tensors.set(name, await floats(entry));
  }
  for (const [name, entry] of entries) {
    if (known.has(name)) continue;
    // PEFT's `bias` says which would be trained. A base without any has none in the file.
    if (/\.bias$/.test(name)) throw unsupportedIn(`${files.name}/${CONFIG}`, 'a trained bias');
    if (/(^|\.)(embed_tokens|wte|lm_head)\.weight$/.test(name))
      checkVocabulary(entry, [model.shape.vocabulary, model.shape.channels], files.name);
    if (/(^|\.)(embed_tokens|wte|wpe|lm_head)\./.test(name))
      throw unsupportedIn(`${files.name}/${WEIGHTS}`, `${name.slice(0, 200)}, of an embedding or the head,`);
    throw unfit(
      `${files.name}/${WEIGHTS} has the tensor ${name.slice(0, 200)}, for which this base model has no layer`,
    );
  }
  if (modules.length === 0) throw unfit(`${files.name}/${WEIGHTS} holds no ${kind.label} tensors`);
  return {
    config: { ...config, targets: targetsOf(config, model, modules) },
    modules: [...modules, ...beside],
    tensors,
  };
}

/** Texts of the tokens that a folder adds, by their ids: its tokenizer says so, or without one the metadata of its weights. */
async function textsOfTokens(files: FileSet, json: JsonObject): Promise<Map<number, string>> {
  if (json[INDICES] === undefined || json[INDICES] === null) return new Map();
  const known = addedTexts(await readJson(files, TOKENIZER, MAX_TOKENIZER_BYTES));
  if (known.size > 0) return known;
  const source = await files.open(WEIGHTS);
  const stored = source && (await openSafetensors(source)).metadata.get(ADDED_TOKENS);
  const texts: unknown = stored === undefined ? [] : parseJson(stored, `${files.name}/${WEIGHTS}`);
  const [ids = []]: unknown[] = isObject(json[INDICES]) ? Object.values(json[INDICES]) : [json[INDICES]];
  if (!Array.isArray(texts) || !Array.isArray(ids)) return known;
  return new Map(ids.map((id: number, at) => [id, typeof texts[at] === 'string' ? texts[at] : '']));
}

/**
 * The text between prompt and answer in the rows of an adapter, for a base without a chat template; '' if the folder does not say.
 *
 * @throws GraftError `adapter-missing` for a folder without weights, and as `openSafetensors`
 */
export async function readAfterPrompt(files: FileSet): Promise<string> {
  const source = await files.open(WEIGHTS);
  if (!source) throw await missingFile(files, WEIGHTS);
  return (await openSafetensors(source)).metadata.get(AFTER_PROMPT) ?? '';
}

/** The new tokens of a folder; undefined if it has none, or does not say their texts. @throws GraftError `json-…`, and as `openSafetensors` */
export async function readAddedTokens(files: FileSet): Promise<NewTokens | undefined> {
  const json = (await readJson(files, CONFIG, 1 << 20)) ?? {};
  const texts = [...(await textsOfTokens(files, json))];
  const [ids]: unknown[] = isObject(json[INDICES]) ? Object.values(json[INDICES]) : [json[INDICES]];
  const own = texts.filter(([id]) => Array.isArray(ids) && ids.includes(id));
  return own.length === 0 ? undefined : { first: own[0][0], texts: own.map(([, text]) => text) };
}

/** Bytes of a tensor's entry in the header of a file, besides its name. */
const ENTRY_BYTES = 128;
const HEADER_BYTES = 2 ** 16;
/** The largest type that adapters come in. */
const MAX_BYTES_PER_NUMBER = 8;

/**
 * The most bytes that the weights of an adapter can have: its tensors in every linear layer of the base, of the size that the adapter's
 * configuration gives them. Known before any of them is unpacked or read.
 *
 * @throws GraftError `adapter-missing`, `adapter-config`, `adapter-unsupported`
 */
export async function largestAdapter(files: FileSet, model: ModelDefinition): Promise<number> {
  const json = await readJson(files, CONFIG, 1 << 20);
  if (!json) throw await missingFile(files, CONFIG);
  const { kind, config: given } = readConfig(json, `${files.name}/${CONFIG}`, model);
  const config = kind.limited?.(given) ?? given;
  return [
    ...layersOf(kind, model, config).flatMap((linear) => kind.parameters(kind.module(linear, config))),
    ...(kind.beside?.(model, config) ?? []).flatMap((module) => kindOf(module).parameters(module)),
  ].reduce(
    (bytes, { name, shape }) => bytes + sizeOf(shape) * MAX_BYTES_PER_NUMBER + name.length + ENTRY_BYTES,
    HEADER_BYTES,
  );
}

function readConfig(
  json: JsonObject,
  where: string,
  { linears }: Pick<ModelDefinition, 'linears'>,
  added?: ReadonlyMap<number, string>,
): { kind: AdapterKind; config: AdapterConfig } {
  const kind = kindOfPeft(json);
  if (!kind)
    throw unsupportedIn(where, `an adapter of type ${JSON.stringify(json['peft_type'])?.slice(0, 60)}`);
  const paths = linears.map(({ path }) => path);
  const reader = new PeftConfigReader(json, where, added, paths);
  reader.refuseUnsupported(kind);
  return { kind, config: kind.readPeft(reader) };
}

/**
 * A list of targets is kept if it says exactly which layers have tensors. A regular expression, or a list that other fields narrow
 * (layers_to_transform, exclude_modules), becomes the paths of those layers.
 */
function targetsOf(
  config: AdapterConfig,
  model: ModelDefinition,
  modules: readonly AdapterModule[],
): string[] {
  const targeted = layersOf(kindOf(config), model, config).filter((layer) => isTarget(config, layer));
  const exact =
    targeted.length === modules.length && targeted.every(({ path }, i) => path === modules[i].path);
  return exact ? [...config.targets] : modules.map(({ path }) => path);
}

async function floats(entry: TensorEntry): Promise<Float32Array<ArrayBuffer>> {
  return Float32Array.from(toFloat32(await entry.read(), entry.dtype, entry.name));
}

/**
 * An embedding or a head that is whole in the adapter, after the vocabulary was resized: its rows belong to another base.
 *
 * @throws GraftError `adapter-unsupported` saying how such tokens can be trained
 */
function checkVocabulary(
  { name, shape }: TensorEntry,
  [rows, width]: readonly number[],
  where: string,
): void {
  const [own, ...rest] = shape;
  if (own === rows || rest.join() !== String(width)) return;
  throw new GraftError(
    'adapter-unsupported',
    `${where} holds ${name} whole, for a vocabulary that was resized to ${own} tokens; the base model has ${rows}.`,
    'Merge it with PEFT and open that model; or train only the rows of the new tokens: trainable_token_indices in PEFT, --add-tokens here.',
  );
}

function checkShape({ name, shape }: TensorEntry, expected: readonly number[]): void {
  if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
    throw unfit(
      `Tensor ${name} has the shape [${shape.join(', ')}], and the base model needs [${expected.map((size) => size ?? 'r').join(', ')}]`,
    );
  }
}

function unfit(what: string): GraftError {
  return new GraftError('adapter-fit', `${what}.`, 'Choose the base model that the adapter was trained on.');
}

/** @returns the error, which names the folders in `files` that have what is missing: a zip of several adapters unpacks to those */
export async function missingFile(files: FileSet, name: string): Promise<GraftError> {
  const inside: string[] = [];
  for (const entry of files.list()) if (await files.open(`${entry}/${name}`)) inside.push(entry);
  if (inside.length > 1)
    return new GraftError(
      'adapter-missing',
      `${files.name} has no ${name}, but its folders ${inside.join(', ')} have one.`,
      'Choose one of these folders.',
    );
  const [only] = inside;
  if (only === undefined && files.list().includes('config.json'))
    return new GraftError(
      'adapter-missing',
      `${files.name} has no ${name}: it is the folder of a model, not of an adapter.`,
      'Give a model as --model, or as --tuned next to its base.',
    );
  return only === undefined
    ? new GraftError(
        'adapter-missing',
        `${files.name} has no ${name}.`,
        'Choose a folder that PEFT or Graft wrote.',
      )
    : new GraftError(
        'adapter-missing',
        `${files.name} has no ${name}, but its folder ${only} has one.`,
        'Choose that folder.',
      );
}

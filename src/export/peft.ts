/**
 * PEFT's adapter folder, both ways: adapter_config.json, adapter_model.safetensors and a model card. What is written loads with
 * `PeftModel.from_pretrained`; what PEFT writes for plain LoRA is read.
 */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { ModelDefinition } from '../model/family.ts';
import {
  ALL_LINEAR,
  isTarget,
  lastNames,
  LARGEST_RANK,
  loraRank,
  loraScale,
  tensorNames,
  type AdapterTensors,
  type LoraConfig,
  type LoraModule,
} from '../model/lora.ts';
import { readJson, type FileSet } from '../weights/bytes.ts';
import { toFloat32 } from '../weights/dtypes.ts';
import { concatBytes, parseSafetensors, writeSafetensors, type TensorEntry } from '../weights/safetensors.ts';
import { baseFields, withBasePlace, withLoadSection, type BasePlace } from './load-section.ts';
import { modelCard, type CardFacts } from './model-card.ts';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const CARD = 'README.md';
/** Fields of PEFT's LoraConfig that, where they are set, make an adapter more than A and B beside frozen linear layers. */
const UNSUPPORTED = [
  'modules_to_save',
  'trainable_token_indices',
  'target_parameters',
  'layer_replication',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'lora_bias',
  'monteclora_config',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];

/** An adapter as plain data: what it applies to, and its values. */
export interface AdapterData {
  readonly config: LoraConfig;
  readonly modules: readonly LoraModule[];
  readonly tensors: AdapterTensors;
}

/** Files by name. */
export type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** The files of a PEFT adapter folder. */
export function writePeft({ config, modules, tensors }: AdapterData, facts: CardFacts): Files {
  const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
  return {
    [CONFIG]: text(`${JSON.stringify(peftConfig(config, modules, facts), null, 2)}\n`),
    [WEIGHTS]: concatBytes(
      writeSafetensors(
        modules
          .flatMap(({ path, rank, inputs, outputs }) => {
            const names = tensorNames(path);
            return [
              { name: names.a, dtype: 'F32' as const, shape: [rank, inputs], data: tensors.get(names.a)! },
              { name: names.b, dtype: 'F32' as const, shape: [outputs, rank], data: tensors.get(names.b)! },
            ];
          })
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
        { format: 'pt' },
      ),
    ),
    [CARD]: text(modelCard(config, facts)),
  };
}

/** The files of a PEFT folder with another place of its base: in the card, and in the configuration where it can name that place. */
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
  config: LoraConfig,
  modules: readonly LoraModule[],
  { baseModel, base }: CardFacts,
): JsonObject {
  return {
    base_model_name_or_path: baseModel,
    ...(base && base.kind !== 'local' && baseFields(base)),
    bias: 'none',
    // As PEFT wants it for Conv1D. Reading need not ask: the base model says how its layers lie.
    fan_in_fan_out: modules.some(({ transposed }) => transposed),
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.alpha,
    alpha_pattern: config.alphaPattern,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: config.rank,
    rank_pattern: config.rankPattern,
    target_modules: peftTargets(config, modules),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: config.rsLora,
  };
}

/** Where the language model is a part, the others have layers of the same names: paths tell PEFT which of them are meant. */
function peftTargets({ targets }: LoraConfig, modules: readonly LoraModule[]): readonly string[] {
  if (modules.some(({ path }) => /(^|\.)language_model\./.test(path))) return modules.map(({ path }) => path);
  return targets.includes(ALL_LINEAR) ? lastNames(modules) : targets;
}

/**
 * Reads a PEFT adapter for a base model. Which layers it has comes from the tensors, ranks and scaling from the configuration.
 *
 * @throws GraftError `adapter-missing`, `adapter-config`, `adapter-unsupported`, `adapter-fit` (naming the first tensor that does not fit)
 */
export async function readPeft(files: FileSet, model: ModelDefinition): Promise<AdapterData> {
  const json = await readJson(files, CONFIG, 1 << 20);
  if (!json) throw missing(files, CONFIG);
  const source = await files.open(WEIGHTS);
  if (!source) throw missing(files, WEIGHTS);
  const config = readConfig(json, `${files.name}/${CONFIG}`);
  const entries = await parseSafetensors(source);

  const modules: LoraModule[] = [];
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  const known = new Set<string>();
  for (const module of model.linears) {
    const names = tensorNames(module.path);
    const a = entries.get(names.a);
    const b = entries.get(names.b);
    if (!a && !b) continue;
    known.add(names.a).add(names.b);
    if (!a || !b) throw unfit(`${files.name} has ${(a ?? b)!.name} without ${a ? names.b : names.a}`);
    const rank = a.shape[0];
    checkShape(a, [rank, module.inputs]);
    checkShape(b, [module.outputs, rank]);
    const configured = loraRank(config, module.path);
    if (rank !== configured)
      throw unfit(`Tensor ${a.name} has the rank ${rank}, and ${CONFIG} says ${configured}`);
    tensors.set(names.a, await floats(a));
    tensors.set(names.b, await floats(b));
    modules.push({ ...module, rank, scale: loraScale(config, module.path, rank) });
  }
  for (const name of entries.keys()) {
    if (known.has(name)) continue;
    if (/(^|\.)(embed_tokens|wte|wpe|lm_head)\./.test(name))
      throw unsupportedIn(`${files.name}/${WEIGHTS}`, `${name.slice(0, 200)}, of an embedding or the head,`);
    throw unfit(
      `${files.name}/${WEIGHTS} has the tensor ${name.slice(0, 200)}, for which this base model has no linear layer`,
    );
  }
  if (modules.length === 0) throw unfit(`${files.name}/${WEIGHTS} holds no LoRA tensors`);
  return { config: { ...config, targets: targetsOf(config, model, modules) }, modules, tensors };
}

/** Bytes of a tensor's entry in the header of a file, beside its name. */
const ENTRY_BYTES = 128;
const HEADER_BYTES = 2 ** 16;
/** The largest type that adapters come in. */
const MOST_BYTES_PER_NUMBER = 8;

/**
 * The most bytes that the weights of an adapter can have: A and B of every linear layer of the base, at the rank that the adapter's
 * configuration gives the layer. Known before any of them is unpacked or read.
 *
 * @throws GraftError `adapter-missing`, `adapter-config`, `adapter-unsupported`
 */
export async function largestAdapter(files: FileSet, model: ModelDefinition): Promise<number> {
  const json = await readJson(files, CONFIG, 1 << 20);
  if (!json) throw missing(files, CONFIG);
  const config = readConfig(json, `${files.name}/${CONFIG}`);
  return model.linears.reduce((bytes, { path, inputs, outputs }) => {
    const rank = Math.min(loraRank(config, path), LARGEST_RANK);
    const { a, b } = tensorNames(path);
    const header = a.length + b.length + 2 * ENTRY_BYTES;
    return bytes + Math.ceil(rank) * (inputs + outputs) * MOST_BYTES_PER_NUMBER + header;
  }, HEADER_BYTES);
}

function readConfig(json: JsonObject, where: string): LoraConfig {
  const wrong = (name: string, expected: string): GraftError =>
    new GraftError(
      'adapter-config',
      `${where}: ${name} is ${JSON.stringify(json[name])?.slice(0, 60) ?? 'missing'}, expected ${expected}.`,
      'Export the adapter again with PEFT.',
    );
  const unsupported = (what: string): GraftError => unsupportedIn(where, what);
  if (json['peft_type'] !== 'LORA')
    throw unsupported(`an adapter of type ${JSON.stringify(json['peft_type'])?.slice(0, 60)}`);
  const set = (name: string): boolean => {
    const value = json[name];
    return (
      value !== undefined &&
      value !== null &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0)
    );
  };
  if (set('use_dora')) throw unsupported('DoRA');
  if (set('bias') && json['bias'] !== 'none') throw unsupported('a trained bias');
  for (const field of UNSUPPORTED) if (set(field)) throw unsupported(field);
  // These change the base's own weights when PEFT loads them, so that A and B alone are not the adapter.
  const start = json['init_lora_weights'];
  if (typeof start === 'string' && /^(pissa|olora|corda|loftq)/i.test(start))
    throw unsupported(`init_lora_weights ${JSON.stringify(start).slice(0, 60)}`);

  const number = (
    name: string,
    holds: (value: number) => boolean,
    expected: string,
    fallback?: number,
  ): number => {
    const value = json[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || !holds(value)) throw wrong(name, expected);
    return value;
  };
  const pattern = (name: string): Record<string, number> => {
    const value = json[name] ?? {};
    if (!isObject(value)) throw wrong(name, 'an object of numbers');
    for (const [key, entry] of Object.entries(value)) {
      if (typeof entry !== 'number' || !Number.isFinite(entry) || entry <= 0)
        throw wrong(name, 'an object of numbers above 0');
      if (!/^[\w.]+$/.test(key))
        throw unsupported(`the key ${JSON.stringify(key).slice(0, 60)} of ${name} (a regular expression)`);
    }
    return value as Record<string, number>;
  };
  const targets = json['target_modules'];
  return {
    rank: number(
      'r',
      (value) => Number.isInteger(value) && value >= 1 && value <= LARGEST_RANK,
      `a whole number from 1 to ${LARGEST_RANK}`,
    ),
    alpha: number('lora_alpha', (value) => value > 0, 'a number above 0', 8),
    dropout: number('lora_dropout', (value) => value >= 0 && value < 1, 'a number from 0 to 1', 0),
    rsLora: set('use_rslora'),
    targets: Array.isArray(targets) ? targets.filter((target) => typeof target === 'string') : [],
    rankPattern: pattern('rank_pattern'),
    alphaPattern: pattern('alpha_pattern'),
  };
}

/**
 * A list of targets is kept where it says exactly which layers have tensors. A regular expression, or a list that other fields narrow
 * (layers_to_transform, exclude_modules), becomes the paths of those layers.
 */
function targetsOf(config: LoraConfig, model: ModelDefinition, modules: readonly LoraModule[]): string[] {
  const targeted = model.linears.filter(({ path }) => isTarget(config, path));
  const exact =
    targeted.length === modules.length && targeted.every(({ path }, i) => path === modules[i].path);
  return exact ? [...config.targets] : modules.map(({ path }) => path);
}

async function floats(entry: TensorEntry): Promise<Float32Array<ArrayBuffer>> {
  return Float32Array.from(toFloat32(await entry.read(), entry.dtype, entry.name));
}

function checkShape({ name, shape }: TensorEntry, expected: readonly number[]): void {
  if (shape.length !== 2 || shape[0] !== expected[0] || shape[1] !== expected[1]) {
    throw unfit(
      `Tensor ${name} has the shape [${shape.join(', ')}], and the base model needs [${expected.map((size) => size ?? 'r').join(', ')}]`,
    );
  }
}

function unsupportedIn(where: string, what: string): GraftError {
  return new GraftError(
    'adapter-unsupported',
    `${where}: ${what} is not supported.`,
    'Use a plain LoRA adapter.',
  );
}

function unfit(what: string): GraftError {
  return new GraftError('adapter-fit', `${what}.`, 'Choose the base model that the adapter was trained on.');
}

function missing(files: FileSet, name: string): GraftError {
  return new GraftError(
    'adapter-missing',
    `${files.name} has no ${name}.`,
    'Choose a folder that PEFT or Graft wrote.',
  );
}

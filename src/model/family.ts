/**
 * The families of models, and the reading of a model folder's config.json by the family that knows it. Each family is one file, which makes a definition
 * (definition.ts); a new family is a new file and its entry in `families`.
 */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { readJson, type FileSet } from '../weights/bytes.ts';
import { bert } from './bert.ts';
import { ConfigReader } from './config.ts';
import type { EncoderDefinition, EncoderFamily, Family, ModelDefinition } from './definition.ts';
import { gemma3 } from './gemma3.ts';
import { gpt2 } from './gpt2.ts';
import { granite } from './granite.ts';
import { lfm2 } from './lfm2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { olmo2 } from './olmo2.ts';
import { olmoe } from './olmoe.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { qwen3Moe } from './qwen3-moe.ts';
import { smollm3 } from './smollm3.ts';

export const families: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma3,
  gpt2,
  smollm3,
  olmo2,
  granite,
  phi3,
  lfm2,
  olmoe,
  qwen3Moe,
];

const encoders: readonly EncoderFamily[] = [bert];

/**
 * Reads a config.json.
 *
 * @throws GraftError `config-unsupported` for an unknown architecture or an encoder, `config-field` for a bad value
 */
export function defineModel(config: JsonObject, where: string): ModelDefinition {
  return define(families, config, where, (modelType) =>
    isOneOf(encoders, modelType)
      ? `${modelType} is an encoder, which makes vectors of texts and cannot write any.`
      : undefined,
  );
}

/**
 * Reads the config.json of an encoder.
 *
 * @throws GraftError `config-unsupported` for an unknown architecture or a language model, `config-field` for a bad value
 */
export function defineEncoder(config: JsonObject, where: string): EncoderDefinition {
  return define(encoders, config, where, (modelType) =>
    isOneOf(families, modelType)
      ? `${modelType} is a language model, which writes texts; embeddings are made by an encoder.`
      : undefined,
  );
}

interface Kind<Definition> {
  readonly modelTypes: readonly string[];
  readonly define: (config: ConfigReader) => Definition;
}

const isOneOf = (kinds: readonly Kind<unknown>[], modelType: string): boolean =>
  kinds.some(({ modelTypes }) => modelTypes.includes(modelType));

/** @param other what a known architecture of another kind is */
function define<Definition>(
  kinds: readonly Kind<Definition>[],
  config: JsonObject,
  where: string,
  other: (modelType: string) => string | undefined,
): Definition {
  const reader = new ConfigReader(config, where);
  const modelType = reader.text('model_type');
  const kind = kinds.find(({ modelTypes }) => modelTypes.includes(modelType));
  if (!kind) {
    const known = kinds.flatMap(({ modelTypes }) => modelTypes).join(', ');
    throw new GraftError(
      'config-unsupported',
      `${where}: ${other(modelType) ?? `the architecture ${JSON.stringify(modelType).slice(0, 60)} is not supported.`}`,
      `Choose a model of one of these: ${known}.`,
    );
  }
  if (isObject(config['quantization_config']))
    throw reader.unsupported('a quantised checkpoint (quantization_config)');
  return kind.define(reader);
}

/** Reads the config.json of a model folder. @throws GraftError as `defineModel`, or `config-missing` */
export async function readModel(files: FileSet): Promise<ModelDefinition> {
  return defineModel(...(await readConfig(files)));
}

/** Reads the config.json of an encoder's folder. @throws GraftError as `defineEncoder`, or `config-missing` */
export async function readEncoder(files: FileSet): Promise<EncoderDefinition> {
  return defineEncoder(...(await readConfig(files)));
}

/** Reads the config.json of a folder of either kind. @throws GraftError as `defineModel`, or `config-missing` */
export async function readAnyModel(files: FileSet): Promise<ModelDefinition> {
  const [config, where] = await readConfig(files);
  return isOneOf(encoders, new ConfigReader(config, where).text('model_type'))
    ? defineEncoder(config, where)
    : defineModel(config, where);
}

async function readConfig(files: FileSet): Promise<[JsonObject, string]> {
  const config = await readJson(files, 'config.json', 1 << 20);
  if (!config)
    throw new GraftError(
      'config-missing',
      `${files.name} has no config.json.`,
      'Choose a Hugging Face model folder.',
    );
  return [config, `${files.name}/config.json`];
}

/**
 * How an encoder's folder says that vectors of tokens become one of the text: the files of sentence-transformers. modules.json lists the steps after
 * the encoder, `1_Pooling/config.json` how tokens are pooled, and sentence_bert_config.json how many tokens are read.
 */
import { GraftError } from '../errors.ts';
import { isObject, readJsonFile, type JsonObject } from '../json.ts';
import { readJson, type FileSet } from '../weights/bytes.ts';
import { POOLING_FILE, POOLING_FOLDER } from '../weights/companions.ts';
import { ConfigReader } from './config.ts';

/** The mean over all tokens of a text, or its first token, [CLS]. */
export const POOLINGS = ['mean', 'cls'] as const;
export type Pooling = (typeof POOLINGS)[number];

export interface PoolingSettings {
  readonly pooling: Pooling;
  /** Whether each vector is divided by its length. */
  readonly normalise: boolean;
  /** Whether the folder, or a person, says so. */
  readonly known: boolean;
}

const MAX_BYTES = 1 << 16;
/** The steps of an encoder, and how many tokens it reads. */
export const MODULES = 'modules.json';
const SENTENCES = 'sentence_bert_config.json';

/**
 * Reads the steps after the encoder. A folder without modules.json does not say, and gets what most encoders of sentences do: mean and length 1.
 *
 * @param asked the pooling that a person chose instead
 * @throws GraftError `config-unsupported` for a step or a kind of pooling that Graft does not compute, `config-missing` for a pooling without its
 * configuration, `config-field`, `json-…`
 */
export async function readPooling(files: FileSet, asked?: Pooling): Promise<PoolingSettings> {
  const modules = await readJsonFile(files, MODULES, MAX_BYTES);
  if (modules === undefined) return { pooling: asked ?? 'mean', normalise: true, known: asked !== undefined };
  const where = `${files.name}/modules.json`;
  if (!Array.isArray(modules) || !modules.every(isObject))
    throw new GraftError(
      'config-field',
      `${where} is not a list of modules.`,
      'Fetch the model folder again.',
    );
  let pooling = asked;
  let normalise = false;
  for (const fields of modules as JsonObject[]) {
    const reader = new ConfigReader(fields, where);
    const type = reader.text('type').split('.').at(-1);
    if (type === 'Pooling') pooling = asked ?? (await readKind(files, reader.text('path')));
    else if (type === 'Normalize') normalise = true;
    else if (type !== 'Transformer')
      throw reader.unsupported(`the module ${String(type).slice(0, 60)}`, ['Pooling', 'Normalize']);
  }
  if (!pooling)
    throw new GraftError(
      'config-missing',
      `${where} has no module that pools tokens, so this model gives no vector of a text.`,
      'Choose an encoder of sentences.',
    );
  return { pooling, normalise, known: true };
}

/**
 * The files of sentence-transformers that say how an encoder makes vectors, for a folder without them: {@link readPooling} and {@link readWindow} of these
 * give the same.
 *
 * @param size numbers of a vector
 * @param window tokens of a text at most, special ones included
 * @returns their content by name
 */
export function poolingFiles(
  { pooling, normalise }: Pick<PoolingSettings, 'pooling' | 'normalise'>,
  { size, window }: { readonly size: number; readonly window: number },
): Readonly<Record<string, unknown>> {
  const steps = [
    ['Transformer', ''],
    ['Pooling', POOLING_FOLDER],
    ...(normalise ? [['Normalize', '2_Normalize']] : []),
  ];
  return {
    [MODULES]: steps.map(([type, path], idx) => ({
      ...{ idx, name: String(idx), path },
      type: `sentence_transformers.models.${type}`,
    })),
    [`${POOLING_FOLDER}/${POOLING_FILE}`]: {
      word_embedding_dimension: size,
      pooling_mode_cls_token: pooling === 'cls',
      pooling_mode_mean_tokens: pooling === 'mean',
      pooling_mode_max_tokens: false,
      pooling_mode_mean_sqrt_len_tokens: false,
    },
    [SENTENCES]: { max_seq_length: window, do_lower_case: false },
  };
}

async function readKind(files: FileSet, path: string): Promise<Pooling> {
  const name = `${path}/config.json`;
  const config = await readJson(files, name, MAX_BYTES);
  if (!isObject(config))
    throw new GraftError(
      'config-missing',
      `${files.name}/${name}, which modules.json names, is not there: how tokens are pooled is not known.`,
      'Fetch the model folder again, or say it with --pooling.',
    );
  const reader = new ConfigReader(config, `${files.name}/${name}`);
  const modes = Object.keys(config).filter(
    (key) => key.startsWith('pooling_mode_') && reader.flag(key, false),
  );
  const [mode] = modes;
  if (modes.length === 1 && mode === 'pooling_mode_mean_tokens') return 'mean';
  if (modes.length === 1 && mode === 'pooling_mode_cls_token') return 'cls';
  throw reader.unsupported(
    modes.length === 0 ? 'pooling without a mode' : `pooling by ${modes.join(' and ')}`,
    ['pooling_mode_mean_tokens', 'pooling_mode_cls_token'],
  );
}

/**
 * How many tokens of a text are read, its special tokens included: what sentence_bert_config.json says, or else tokenizer_config.json, and never more
 * than the model has positions.
 *
 * @throws GraftError `config-field`, `json-…`
 */
export async function readWindow(files: FileSet, maxPositions: number): Promise<number> {
  for (const [name, field] of [
    [SENTENCES, 'max_seq_length'],
    ['tokenizer_config.json', 'model_max_length'],
  ]) {
    const config = await readJson(files, name, 1 << 24);
    if (!isObject(config)) continue;
    const length = config[field];
    // A tokenizer without a limit says 10³⁰.
    if (length === undefined || length === null || (typeof length === 'number' && length > maxPositions))
      continue;
    const window = new ConfigReader(config, `${files.name}/${name}`).size(field);
    if (window < MIN_WINDOW)
      throw new ConfigReader(config, `${files.name}/${name}`).wrong(field, `at least ${MIN_WINDOW}`);
    return window;
  }
  return maxPositions;
}

/** A text's first and last token, and one between. */
const MIN_WINDOW = 3;

/** What is put before every text. */
export interface Prefixes {
  readonly passagePrefix: string;
  readonly questionPrefix: string;
}

const PROMPTS = 'config_sentence_transformers.json';
/** Names of prompts as encoders have them, the usual one first. */
const PASSAGE_PROMPTS = ['document', 'passage'];
const QUESTION_PROMPTS = ['query'];
const MAX_PREFIX = 1000;

/** The prompts of sentence-transformers' configuration; empty for a folder without them. @throws GraftError `config-field`, `json-…` */
export async function readPrefixes(files: FileSet): Promise<Prefixes> {
  const config = await readJsonFile(files, PROMPTS, MAX_BYTES);
  const prompts = isObject(config) ? config['prompts'] : undefined;
  const prefixOf = (names: readonly string[]): string => {
    if (!isObject(prompts)) return '';
    const name = names.find((each) => Object.hasOwn(prompts, each));
    if (name === undefined) return '';
    const prompt = prompts[name];
    if (typeof prompt === 'string' && prompt.length <= MAX_PREFIX) return prompt;
    throw new ConfigReader(prompts, `${files.name}/${PROMPTS}`).wrong(
      name,
      `a text of at most ${MAX_PREFIX} characters`,
    );
  };
  return { passagePrefix: prefixOf(PASSAGE_PROMPTS), questionPrefix: prefixOf(QUESTION_PROMPTS) };
}

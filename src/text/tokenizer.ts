/**
 * A model's tokenizer: text ↔ ids, as the Rust crate `tokenizers` has it. `@huggingface/tokenizers` does the work; the files are checked
 * before it sees them (tokenizer-file.ts), and what it does differently from the crate is put right there and here.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { GraftError, messageOf } from '../errors.ts';
import { isObject, readJsonFile, readTextFile, type JsonObject, type ReadableFolder } from '../json.ts';
import { mergeFast } from './bpe.ts';
import { byteOf, correctByteFallback } from './byte-fallback.ts';
import { MAX_SANDBOXED_CHARS } from './sandboxed-template.ts';
import { watchPatterns } from './pattern-watch.ts';
import { createStreamDecoder, type StreamDecoder } from './stream-decoder.ts';
import { checkTokenizerJson } from './tokenizer-file.ts';
import { apartTokens, mostTokens } from './most-tokens.ts';
import { spellsBytes } from './spells-bytes.ts';
import { bytesOfTokens, type BytesOf } from './token-bytes.ts';
import { wordEncoder } from './word-encoder.ts';

/** Gemma 3's has 33 MB. */
const MAX_TOKENIZER_BYTES = 64 * 2 ** 20;
/** Gemma 3's tokenizer_config.json has 1.2 MB. */
const MAX_CONFIG_BYTES = 16 * 2 ** 20;
/** One call; longer texts are cut into documents first. */
const MAX_TEXT_CHARS = 8 * 2 ** 20;

export interface EncodeOptions {
  /** Whether the tokenizer's own post-processor adds bos, eos and the like. Default false: Graft puts them where its rules say. */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave special tokens out. Default false. */
  skipSpecialTokens?: boolean;
}

export interface StreamDecodeOptions extends DecodeOptions {
  /** Ids that the stream continues: context that is not returned again. Without it, the first piece starts a text. */
  context?: readonly number[];
}

export interface Tokenizer {
  /**
   * Text → ids. Throws `tokenizer-text` for a text of more than 8 Mi characters or one that the vocabulary cannot spell, and
   * `tokenizer-pattern` if a regular expression of the tokenizer takes far too long.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Ids → text. An id below {@link vocabSize} without a token (padding of the embedding) is ''. Throws `tokenizer-id` for others. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Pieces that add up to {@link decode}. */
  streamDecoder(options?: StreamDecodeOptions): StreamDecoder;
  idOf(token: string): number | undefined;
  /** As the vocabulary has it: 'Ġthe', '▁the', '<0x0A>'. */
  tokenOf(id: number): string | undefined;
  isSpecial(id: number): boolean;
  /**
   * The bytes of UTF-8 that a token adds to a text, perhaps a part of a character. Undefined for special tokens and ids without a token, and if a token's text
   * depends on its place.
   */
  bytesOf?(id: number): Uint8Array<ArrayBuffer> | undefined;
  /** The contents of all special tokens, longest first. */
  readonly specialTokens: readonly string[];
  readonly bosId: number | undefined;
  /** What a text without a template starts with: bos, if the configuration says so, or where it does not, if tokenizer.json puts it there. */
  readonly startId: number | undefined;
  readonly eosId: number | undefined;
  /** Where generation stops: eos and what generation_config.json adds, or config.json if that is missing. */
  readonly eosIds: readonly number[];
  readonly padId: number | undefined;
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  /** The highest id of any token + 1. A model may have more rows in its embedding. */
  readonly vocabSize: number;
  readonly chatTemplate: string | undefined;
  /** The file that the chat template comes from, for messages. */
  readonly chatTemplateFile?: string | undefined;
  /** Set if no text has more tokens than bytes of UTF-8 (and one), and none of its bytes is without a token. */
  readonly spellsBytes?: boolean;
  /** Those that are one token each wherever a template writes them (most-tokens.ts), longest first; with {@link spellsBytes} only. */
  readonly apartTokens?: readonly string[];
  /**
   * The most tokens of a text, wherever it stands in a longer one (most-tokens.ts). Undefined if only its bytes bound them. So many as are `enough` are not counted
   * more closely.
   */
  readonly mostTokens?: ((text: string, enough?: number) => number) | undefined;
  /** What it was made of (`tokenizerFrom`), if it was loaded. */
  readonly source?: TokenizerSource;
}

/** What the files of a tokenizer say: plain values, of which another thread makes the same tokenizer. */
export interface TokenizerSource {
  /** The file's name, for messages. */
  readonly where: string;
  /** The checked tokenizer.json. */
  readonly json: JsonObject;
  readonly ids: ReadonlyMap<string, number>;
  readonly special: ReadonlySet<string>;
  readonly cleansUp: boolean;
  readonly bosToken: string | undefined;
  /** As the configuration says; undefined if it does not. */
  readonly addsBos: boolean | undefined;
  readonly eosToken: string | undefined;
  readonly padToken: string | undefined;
  /** From generation_config.json or config.json. */
  readonly moreEosIds: readonly number[];
  readonly chatTemplate: string | undefined;
  readonly chatTemplateFile: string | undefined;
}

/** Ids without a token are allowed this far beyond the last token: models pad their vocabulary (Qwen 3 by 267). */
const VOCAB_PADDING = 4096;

interface Parts {
  source: TokenizerSource;
  library: Library;
  /** A faster way to encode without special tokens, if there is one. */
  encodeWords: ((text: string) => readonly (number | undefined)[]) | undefined;
  /** Whether tokens like <0x0A> stand for bytes. */
  bytesFallBack: boolean;
  spellsBytes: boolean;
  mostTokens: ((text: string, enough?: number) => number) | undefined;
  apartTokens: readonly string[];
  bytesOfToken: BytesOf | undefined;
}

class LoadedTokenizer implements Tokenizer {
  readonly bosId: number | undefined;
  readonly startId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly eosIds: readonly number[];
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly chatTemplate: string | undefined;
  readonly chatTemplateFile: string | undefined;
  readonly vocabSize: number;
  readonly specialTokens: readonly string[];
  readonly spellsBytes: boolean;
  readonly mostTokens: ((text: string, enough?: number) => number) | undefined;
  readonly apartTokens: readonly string[];
  readonly source: TokenizerSource;
  readonly #where: string;
  readonly #library: Library;
  readonly #encodeWords: Parts['encodeWords'];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #tokens: ReadonlyMap<number, string>;
  readonly #special: ReadonlySet<number>;
  readonly #cleansUp: boolean;
  readonly #bytesFallBack: boolean;
  readonly #bytesOfToken: BytesOf | undefined;

  constructor({ source, library, encodeWords, ...parts }: Parts) {
    const { where, ids, special, cleansUp, moreEosIds, ...tokens } = source;
    this.source = source;
    this.#where = where;
    this.#library = library;
    this.#encodeWords = encodeWords;
    this.#ids = ids;
    this.#tokens = new Map([...ids].map(([token, id]) => [id, token]));
    this.#cleansUp = cleansUp;
    this.#bytesFallBack = parts.bytesFallBack;
    this.#bytesOfToken = parts.bytesOfToken;
    this.spellsBytes = parts.spellsBytes;
    this.mostTokens = parts.mostTokens;
    this.apartTokens = parts.apartTokens;
    this.bosToken = tokens.bosToken;
    this.eosToken = tokens.eosToken;
    this.chatTemplate = tokens.chatTemplate;
    this.chatTemplateFile = tokens.chatTemplateFile;
    const idOf = (token: string | undefined): number | undefined =>
      token === undefined ? undefined : ids.get(token);
    this.bosId = idOf(tokens.bosToken);
    this.eosId = idOf(tokens.eosToken);
    this.padId = idOf(tokens.padToken);
    this.eosIds = [...new Set(this.eosId === undefined ? moreEosIds : [this.eosId, ...moreEosIds])];
    let highest = -1;
    for (const id of ids.values()) if (id > highest) highest = id;
    this.vocabSize = highest + 1;
    this.specialTokens = [...special].sort((a, b) => b.length - a.length);
    this.#special = new Set(
      this.specialTokens.map((token) => ids.get(token)).filter((id) => id !== undefined),
    );
    const adds = this.bosId !== undefined && (tokens.addsBos ?? this.#beginsWith(this.bosId));
    this.startId = adds ? this.bosId : undefined;
  }

  #beginsWith(id: number): boolean {
    return this.encode('a', { addSpecialTokens: true })[0] === id;
  }

  encode(text: string, { addSpecialTokens = false }: EncodeOptions = {}): number[] {
    if (text.length > MAX_TEXT_CHARS) {
      throw new GraftError(
        'tokenizer-text',
        `A text has ${text.length} characters; at most ${MAX_TEXT_CHARS} are encoded at once.`,
        'Cut it into several examples.',
      );
    }
    let ids: readonly (number | undefined)[];
    try {
      ids =
        this.#encodeWords && !addSpecialTokens
          ? this.#encodeWords(text)
          : this.#library.encode(text, { add_special_tokens: addSpecialTokens }).ids;
    } catch (cause) {
      if (cause instanceof GraftError) throw cause;
      throw new GraftError(
        'tokenizer-text',
        `${this.#where} cannot encode a text: ${messageOf(cause)}.`,
        '',
        { cause },
      );
    }
    // The library gives undefined if neither a piece nor an unknown token is in the vocabulary.
    if (ids.some((id) => id === undefined)) {
      throw new GraftError(
        'tokenizer-text',
        `${this.#where} has no token for a part of ${JSON.stringify(text.slice(0, 60))}, and none for the unknown.`,
        'Use the tokenizer files that the model was published with.',
      );
    }
    return ids as number[];
  }

  /** Whether an id has no text. Throws `tokenizer-id` for an invalid id. */
  #isSilent(id: number, skipSpecialTokens: boolean): boolean {
    if (!(Number.isInteger(id) && id >= 0 && id < this.vocabSize + VOCAB_PADDING)) {
      throw new GraftError(
        'tokenizer-id',
        `${id} is not a token id of ${this.#where}.`,
        'The adapter or data belongs to another model.',
      );
    }
    return !this.#tokens.has(id) || (skipSpecialTokens && this.#special.has(id));
  }

  decode(ids: readonly number[], { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const known = ids.filter((id) => !this.#isSilent(id, skipSpecialTokens));
    // The library takes no empty list.
    return known.length ? this.#library.decode(known) : '';
  }

  streamDecoder({ context, skipSpecialTokens = false }: StreamDecodeOptions = {}): StreamDecoder {
    const stream = createStreamDecoder({
      decode: (ids) => this.decode(ids, { skipSpecialTokens }),
      cleansUp: this.#cleansUp,
      isByte: (id) => this.#bytesFallBack && byteOf(this.#tokens.get(id) ?? '') !== undefined,
      context,
    });
    // A token without text does not separate its neighbours either: decoding all at once never sees it.
    return {
      push: (id, next) => (this.#isSilent(id, skipSpecialTokens) ? '' : stream.push(id, next)),
      end: () => stream.end(),
    };
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  bytesOf(id: number): Uint8Array<ArrayBuffer> | undefined {
    const token = this.#special.has(id) ? undefined : this.#tokens.get(id);
    return token === undefined ? undefined : this.#bytesOfToken?.(token);
  }
}

/** A token in a configuration: its text, or an object with its text. Throws `tokenizer-file` for anything else. */
function tokenIn(config: JsonObject, field: string, where: string): string | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  const content = isObject(value) ? value.content : value;
  if (typeof content === 'string') return content;
  throw new GraftError(
    'tokenizer-file',
    `${where}: ${field} is not a token.`,
    'Use the tokenizer files that the model was published with.',
  );
}

/** The template by name 'default' if there are several. */
function templateIn(config: JsonObject, where: string): string | undefined {
  const value = config.chat_template;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const named: unknown[] = value;
    const chosen = named.filter(isObject).find((entry) => entry.name === 'default') ?? named.find(isObject);
    if (isObject(chosen) && typeof chosen.template === 'string') return chosen.template;
  }
  throw new GraftError(
    'tokenizer-file',
    `${where}: chat_template is neither a template nor a list of them.`,
    'Use the tokenizer files that the model was published with.',
  );
}

/** The chat template of the first file that has one. */
async function readTemplate(
  files: ReadableFolder,
  config: JsonObject,
): Promise<{ source: string; file: string } | undefined> {
  const own = await readTextFile(files, 'chat_template.jinja', MAX_SANDBOXED_CHARS * 4);
  if (own !== undefined) return { source: own, file: `${files.name}/chat_template.jinja` };
  let file = `${files.name}/tokenizer_config.json`;
  let source = templateIn(config, file);
  if (source === undefined) {
    file = `${files.name}/chat_template.json`;
    source = templateIn(await readConfig(files, 'chat_template.json'), file);
  }
  return source === undefined ? undefined : { source, file };
}

function eosIdsIn(config: JsonObject): number[] {
  const value = config.eos_token_id;
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  return ids.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0);
}

/** As in transformers: config.json is asked only if there is no generation_config.json. */
async function stopIds(files: ReadableFolder): Promise<number[]> {
  const generation = await readOptionalConfig(files, 'generation_config.json');
  if (generation) return eosIdsIn(generation);
  const config = await readConfig(files, 'config.json');
  // Multimodal models have a nested configuration for their text part.
  const own = eosIdsIn(config);
  return own.length === 0 && isObject(config.text_config) ? eosIdsIn(config.text_config) : own;
}

async function readConfig(files: ReadableFolder, name: string): Promise<JsonObject> {
  return (await readOptionalConfig(files, name)) ?? {};
}

async function readOptionalConfig(files: ReadableFolder, name: string): Promise<JsonObject | undefined> {
  const value = await readJsonFile(files, name, MAX_CONFIG_BYTES);
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw new GraftError(
    'tokenizer-file',
    `${files.name}/${name} is not a JSON object.`,
    'Use the tokenizer files that the model was published with.',
  );
}

/**
 * Loads tokenizer.json, and if they are there tokenizer_config.json, special_tokens_map.json, generation_config.json or config.json,
 * chat_template.jinja and chat_template.json. Default of clean_up_tokenization_spaces: false, as in transformers 5.
 *
 * Throws `tokenizer-missing`, `tokenizer-file` (damaged), `tokenizer-pattern` (a regular expression that could take forever),
 * `tokenizer-unsupported`, or an error of json.ts. Nothing is built for a file over 64 MiB.
 */
export async function loadTokenizer(files: ReadableFolder): Promise<Tokenizer> {
  const where = `${files.name}/tokenizer.json`;
  const value = await readJsonFile(files, 'tokenizer.json', MAX_TOKENIZER_BYTES);
  if (value === undefined) {
    throw new GraftError(
      'tokenizer-missing',
      `${where} is not there.`,
      'Fetch it with the model; a tokenizer.model is not enough.',
    );
  }
  const { json, ids, special, modelType } = checkTokenizerJson(value, where);
  const specialMap = await readConfig(files, 'special_tokens_map.json');
  const config = { ...specialMap, ...(await readConfig(files, 'tokenizer_config.json')) };
  const token = (field: string): string | undefined =>
    tokenIn(config, field, `${files.name}/tokenizer_config.json`);
  const stops = await stopIds(files);
  // The first tokenizers had their tokens in the code: GPT-2's configuration names none, and only the model's says which it is.
  const unnamed = config.eos_token === undefined && [...ids].find(([, id]) => id === stops.at(0));
  const eosToken = unnamed ? unnamed[0] : token('eos_token');
  // BPE has the spaces that were written: transformers 5 passes over the setting there, which Llama 3 has.
  const cleansUp = config.clean_up_tokenization_spaces === true && modelType !== 'BPE';
  const template = await readTemplate(files, config);
  return tokenizerFrom({
    ...{ where, json, ids, special, cleansUp, eosToken },
    bosToken: token('bos_token'),
    addsBos: typeof config.add_bos_token === 'boolean' ? config.add_bos_token : undefined,
    padToken: token('pad_token'),
    moreEosIds: stops,
    chatTemplate: template?.source,
    chatTemplateFile: template?.file,
  });
}

/** Throws `tokenizer-file` (damaged) or `tokenizer-pattern` (a regular expression that could take forever). */
export function tokenizerFrom(source: TokenizerSource): Tokenizer {
  const { where, json, cleansUp, eosToken } = source;
  let library: Library;
  try {
    // The library gets only these two of the configuration: other keys switch on behaviour of single model families.
    library = new Library(json, { clean_up_tokenization_spaces: cleansUp, eos_token: eosToken });
  } catch (cause) {
    throw new GraftError(
      'tokenizer-file',
      `${where} does not make a tokenizer: ${messageOf(cause)}.`,
      'Use the tokenizer files that the model was published with.',
      { cause },
    );
  }
  const bytesFallBack = correctByteFallback(library.decoder);
  watchPatterns(library, where);
  mergeFast(library, json);
  const encodeWords = wordEncoder(library, json);
  const hasBytes = spellsBytes(json);
  return new LoadedTokenizer({
    ...{ source, library, encodeWords, bytesFallBack },
    spellsBytes: hasBytes,
    apartTokens: hasBytes ? apartTokens(json) : [],
    mostTokens: hasBytes && encodeWords ? mostTokens(json, encodeWords) : undefined,
    bytesOfToken: bytesOfTokens(json),
  });
}

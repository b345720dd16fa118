/**
 * Tokenizer metadata → the tokenizer.json and tokenizer_config.json that text/ reads. Two kinds: `gpt2`, byte-level BPE with merges, and
 * `llama`, sentencepiece BPE with scores and byte fallback. Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { GraftError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { GgufHeader } from './header.ts';
import type { Metadata } from './metadata.ts';
import { preTokenizerOf } from './pre-tokenizers.ts';
import { mergesOfScores } from './scores.ts';
import { TOKEN_TYPE, type Vocabulary } from './vocabulary.ts';

const TOKENS = 'tokenizer.ggml.tokens';
const MODEL = 'tokenizer.ggml.model';

/** Tokens that end generation besides the ids of the metadata: converters write no list of them, and llama.cpp knows these by their text. */
const ENDS = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<|endoftext|>',
  '<|end_of_text|>',
]);
/** Special tokens of Phi-3 that leave the white space after them; all others take it. */
const KEEPS_SPACE = new Set(['<unk>', '<s>', '<|endoftext|>']);

const NOTHING: Vocabulary = { tokens: [], types: [], ids: new Map() };

export function hasTokenizer({ metadata }: GgufHeader): boolean {
  return metadata.has(TOKENS);
}

function unsupported(metadata: Metadata, what: string): GraftError {
  return new GraftError(
    'gguf-unsupported',
    `${metadata.where}: ${what} is not supported.`,
    "Put the file into a folder with the model's tokenizer.json and tokenizer_config.json, and open the folder.",
  );
}

function vocabularyOf(metadata: Metadata): Vocabulary {
  const tokens = metadata.texts(TOKENS);
  if (!tokens?.length) throw metadata.wrong(TOKENS, 'a list of texts');
  const listedTypes = metadata.numbers('tokenizer.ggml.token_type') ?? tokens.map(() => TOKEN_TYPE.NORMAL);
  if (listedTypes.length !== tokens.length)
    throw metadata.wrong('tokenizer.ggml.token_type', `${tokens.length} numbers`);
  const types = listedTypes.map((type, id) =>
    type === TOKEN_TYPE.USER_DEFINED && ENDS.has(tokens[id]) ? TOKEN_TYPE.CONTROL : type,
  );
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    // Rows that only pad the embedding.
    const padding = types[id] === TOKEN_TYPE.UNUSED && /^\[PAD\d+\]$/.test(token);
    if (token !== '' && !padding && !ids.has(token)) ids.set(token, id);
  });
  return { tokens, types, ids };
}

/** Tokens that are matched in a text first. A file does not say which white space a token includes: this follows llama.cpp. */
function addedTokens(metadata: Metadata, { ids, types }: Vocabulary): JsonObject[] {
  const added: readonly number[] = [TOKEN_TYPE.CONTROL, TOKEN_TYPE.USER_DEFINED, TOKEN_TYPE.UNKNOWN];
  const takesSpace = /phi[- ]?3/i.test(metadata.text('general.name') ?? '');
  return [...ids]
    .filter(([, id]) => added.includes(types[id]))
    .map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: takesSpace && !KEEPS_SPACE.has(content),
      normalized: false,
      special: types[id] !== TOKEN_TYPE.USER_DEFINED,
    }));
}

/** The token of an id in the metadata; undefined if there is none. */
function tokenAt(metadata: Metadata, { tokens }: Vocabulary, name: string): string | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = metadata.number(key);
  if (id === undefined) return undefined;
  if (tokens[id] === undefined) throw metadata.wrong(key, `an id below ${tokens.length}`);
  return tokens[id];
}

function isSentencepiece(metadata: Metadata): boolean {
  return metadata.text(MODEL) === 'llama';
}

function preTokenizer(metadata: Metadata): NonNullable<ReturnType<typeof preTokenizerOf>> {
  const name = metadata.text('tokenizer.ggml.pre') ?? 'default';
  const found = preTokenizerOf(name);
  if (!found) throw unsupported(metadata, `the pre-tokenizer ${JSON.stringify(name.slice(0, 40))}`);
  return found;
}

function addsBos(metadata: Metadata): boolean {
  const byDefault =
    isSentencepiece(metadata) ||
    (preTokenizerOf(metadata.text('tokenizer.ggml.pre') ?? '')?.addsBos ?? false);
  return metadata.flag('tokenizer.ggml.add_bos_token') ?? byDefault;
}

/** @throws GraftError `gguf-metadata`, or `gguf-unsupported` for another kind of tokenizer */
export function tokenizerOf({ metadata }: Pick<GgufHeader, 'metadata'>): JsonObject {
  const vocabulary = vocabularyOf(metadata);
  const model = metadata.text(MODEL);
  if (model !== 'gpt2' && model !== 'llama')
    throw unsupported(metadata, `a tokenizer of the kind ${JSON.stringify(model?.slice(0, 40))}`);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(metadata, vocabulary),
    post_processor: postProcessor(metadata, vocabulary),
    ...(model === 'gpt2' ? byteLevel(metadata, vocabulary) : sentencepiece(metadata, vocabulary)),
  };
}

/** The post-processor, as the `tokenizers` library reads it. */
function postProcessor(metadata: Metadata, vocabulary: Vocabulary): JsonObject | null {
  const added = (name: string, adds: boolean): string[] => {
    const token = adds ? tokenAt(metadata, vocabulary, name) : undefined;
    return token === undefined ? [] : [token];
  };
  const before = added('bos', addsBos(metadata));
  const behind = added('eos', metadata.flag('tokenizer.ggml.add_eos_token') ?? false);
  const all = [...before, ...behind];
  if (all.length === 0) return null;
  const around = (name: string, type_id: number): JsonObject[] => {
    const special = (id: string): JsonObject => ({ SpecialToken: { id, type_id } });
    return [...before.map(special), { Sequence: { id: name, type_id } }, ...behind.map(special)];
  };
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      all.map((id) => [id, { id, ids: [vocabulary.ids.get(id)], tokens: [id] }]),
    ),
  };
}

function byteLevel(metadata: Metadata, vocabulary: Vocabulary): JsonObject {
  const merges = metadata.texts('tokenizer.ggml.merges');
  if (!merges) throw metadata.wrong('tokenizer.ggml.merges', 'a list of texts');
  const { normalizer, steps, ignoreMerges } = preTokenizer(metadata);
  return {
    normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: steps },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(vocabulary.ids),
      merges,
      // A vocabulary may lack bytes: SmolLM2 has none for those that start the rarest characters.
      unk_token: tokenAt(metadata, vocabulary, 'unknown'),
      ignore_merges: ignoreMerges,
    },
  };
}

function sentencepiece(metadata: Metadata, vocabulary: Vocabulary): JsonObject {
  const scores = metadata.numbers('tokenizer.ggml.scores');
  if (scores?.length !== vocabulary.tokens.length)
    throw metadata.wrong('tokenizer.ggml.scores', `${vocabulary.tokens.length} numbers`);
  const prefix = metadata.flag('tokenizer.ggml.add_space_prefix') ?? true;
  const unk = tokenAt(metadata, vocabulary, 'unknown') ?? vocabulary.tokens[0];
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(vocabulary.ids),
      merges: mergesOfScores(vocabulary, scores),
      unk_token: unk,
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

/** tokenizer_config.json: special tokens and the chat template. @throws GraftError `gguf-metadata` */
export function tokenizerConfigOf({ metadata }: GgufHeader): JsonObject {
  const vocabulary = vocabularyOf(metadata);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: tokenAt(metadata, vocabulary, 'bos'),
    eos_token: tokenAt(metadata, vocabulary, 'eos'),
    unk_token: tokenAt(metadata, vocabulary, 'unknown'),
    pad_token: tokenAt(metadata, vocabulary, 'padding'),
    add_bos_token: addsBos(metadata),
    clean_up_tokenization_spaces: false,
    chat_template: metadata.text('tokenizer.chat_template'),
  };
}

/**
 * generation_config.json: the tokens that end generation, which may be the end of a turn besides the end of the text.
 *
 * @throws GraftError `gguf-metadata`
 */
export function generationConfigOf(header: GgufHeader): JsonObject {
  const { metadata } = header;
  const endIds = ['eos', 'eot', 'eom'].map((name) => metadata.number(`tokenizer.ggml.${name}_token_id`));
  const { ids, types } = hasTokenizer(header) ? vocabularyOf(metadata) : NOTHING;
  const known = [...ENDS].map((token) => ids.get(token)).filter((id) => id !== undefined);
  const ends = known.filter((id) => types[id] === TOKEN_TYPE.CONTROL);
  return { eos_token_id: [...new Set([...endIds.filter((id) => id !== undefined), ...ends])] };
}

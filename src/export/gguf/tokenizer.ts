/**
 * tokenizer.json → the tokenizer metadata of a GGUF file, of the two kinds that weights/gguf/tokenizer.ts reads: byte-level BPE with its merges, and
 * sentencepiece BPE, whose merges become scores. Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { GraftError } from '../../errors.ts';
import { isObject, type JsonObject } from '../../json.ts';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.ts';
import { readJson, type FileSet } from '../../weights/bytes.ts';
import { preTokenizerNamed } from '../../weights/gguf/pre-tokenizers.ts';
import { TOKEN_TYPE } from '../../weights/gguf/vocabulary.ts';
import type { WrittenEntry } from '../../weights/gguf/write.ts';
import { scoresOfMerges } from './scores.ts';

const MAX_BYTES = 64 * 2 ** 20;
const BYTE = /^<0x[0-9A-F]{2}>$/;

function unsupported(files: FileSet, what: string): GraftError {
  return new GraftError(
    'export-format',
    `${files.name}/tokenizer.json: ${what}, and GGUF has no way to write it.`,
    "Export a merged model folder with --format merged, and convert that with llama.cpp's convert_hf_to_gguf.py.",
  );
}

/**
 * @param rows of the embedding: ids without a token are named as padding
 * @throws GraftError `export-format` for a kind of tokenizer that GGUF does not have, and those of `loadTokenizer`
 */
export async function tokenizerEntries(files: FileSet, rows: number): Promise<readonly WrittenEntry[]> {
  const tokenizer = await loadTokenizer(files);
  const json = (await readJson(files, 'tokenizer.json', MAX_BYTES))!;
  const { model } = json;
  if (!isObject(model) || model['type'] !== 'BPE')
    throw unsupported(files, `its model is ${JSON.stringify(isObject(model) ? model['type'] : model)}`);
  if (tokenizer.vocabSize > rows)
    throw unsupported(files, `it has ${tokenizer.vocabSize} tokens for ${rows} rows of the embedding`);
  const added = addedTypes(json);
  const tokens = Array.from({ length: rows }, (_, id) => tokenizer.tokenOf(id) ?? `[PAD${id}]`);
  const typeOf = (token: string, id: number): number => {
    if (tokenizer.tokenOf(id) === undefined) return TOKEN_TYPE.UNUSED;
    if (token === model['unk_token'] && model['byte_fallback'] === true) return TOKEN_TYPE.UNKNOWN;
    return (
      added.get(id) ??
      (model['byte_fallback'] === true && BYTE.test(token) ? TOKEN_TYPE.BYTE : TOKEN_TYPE.NORMAL)
    );
  };
  const types = tokens.map(typeOf);
  const merges = mergesIn(model);
  const kind = isByteLevel(json)
    ? byteLevel(files, json, merges)
    : sentencepiece(files, json, { tokens, types, merges });
  return [
    ...kind,
    ['tokenizer.ggml.tokens', 'texts', tokens],
    ['tokenizer.ggml.token_type', 'i32s', types],
    ...specialEntries(tokenizer, model),
    ...(tokenizer.chatTemplate === undefined
      ? []
      : [['tokenizer.chat_template', 'text', tokenizer.chatTemplate] as const]),
  ];
}

/** Types of the tokens that are matched in a text first, by id. */
function addedTypes(json: JsonObject): Map<number, number> {
  const entries: unknown[] = Array.isArray(json['added_tokens']) ? json['added_tokens'] : [];
  return new Map(
    entries
      .filter(isObject)
      .map(({ id, special }) => [
        id as number,
        special === true ? TOKEN_TYPE.CONTROL : TOKEN_TYPE.USER_DEFINED,
      ]),
  );
}

type Pair = readonly [left: string, right: string];

/** Merges are pairs, or texts with a space between. */
function mergesIn(model: JsonObject): Pair[] {
  const merges = (model['merges'] ?? []) as readonly (string | Pair)[];
  return merges.map((merge) => {
    if (typeof merge !== 'string') return merge;
    const space = merge.indexOf(' ', 1);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}

const stepsOf = (step: unknown, list: string): JsonObject[] => {
  if (!isObject(step)) return [];
  const parts: unknown = step[list];
  return Array.isArray(parts) ? parts.filter(isObject) : [step];
};

const isByteLevel = (json: JsonObject): boolean =>
  stepsOf(json['pre_tokenizer'], 'pretokenizers').some(({ type }) => type === 'ByteLevel');

function byteLevel(files: FileSet, json: JsonObject, merges: readonly Pair[]): readonly WrittenEntry[] {
  const model = json['model'] as JsonObject;
  const steps = stepsOf(json['pre_tokenizer'], 'pretokenizers');
  const name = preTokenizerNamed({
    normalizers: stepsOf(json['normalizer'], 'normalizers'),
    steps,
    ignoreMerges: model['ignore_merges'] === true,
  });
  if (name === undefined)
    throw unsupported(
      files,
      `it cuts texts by ${steps.map(({ type }) => String(type)).join(', ')} in a way of its own`,
    );
  return [
    ['tokenizer.ggml.model', 'text', 'gpt2'],
    ['tokenizer.ggml.pre', 'text', name],
    ['tokenizer.ggml.merges', 'texts', merges.map((pair) => pair.join(' '))],
  ];
}

interface Pieces {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly merges: readonly Pair[];
}

function sentencepiece(files: FileSet, json: JsonObject, pieces: Pieces): readonly WrittenEntry[] {
  const model = json['model'] as JsonObject;
  if (model['byte_fallback'] !== true)
    throw unsupported(files, 'its BPE has neither bytes nor a fallback to them');
  const scores = scoresOfMerges(pieces);
  if (!scores) throw unsupported(files, 'its merges are not in the order of scores of their tokens');
  const normalizers = stepsOf(json['normalizer'], 'normalizers');
  const metaspace = stepsOf(json['pre_tokenizer'], 'pretokenizers').find(({ type }) => type === 'Metaspace');
  const prefix =
    normalizers.some(({ type }) => type === 'Prepend') ||
    (metaspace !== undefined &&
      metaspace['prepend_scheme'] !== 'never' &&
      metaspace['add_prefix_space'] !== false);
  return [
    ['tokenizer.ggml.model', 'text', 'llama'],
    ['tokenizer.ggml.pre', 'text', 'default'],
    ['tokenizer.ggml.scores', 'f32s', scores],
    ['tokenizer.ggml.add_space_prefix', 'flag', prefix],
  ];
}

function specialEntries(tokenizer: Tokenizer, model: JsonObject): readonly WrittenEntry[] {
  const unknown = typeof model['unk_token'] === 'string' ? tokenizer.idOf(model['unk_token']) : undefined;
  const turn = tokenizer.eosIds.find((id) => id !== tokenizer.eosId);
  const ids: readonly (readonly [name: string, id: number | undefined])[] = [
    ['bos', tokenizer.bosId],
    ['eos', tokenizer.eosId ?? tokenizer.eosIds.at(0)],
    ['eot', tokenizer.eosId === undefined ? undefined : turn],
    ['unknown', unknown],
    ['padding', tokenizer.padId],
  ];
  const encoded = tokenizer.encode('a', { addSpecialTokens: true });
  return [
    ...ids.flatMap(([name, id]) =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, 'u32', id] as const],
    ),
    ['tokenizer.ggml.add_bos_token', 'flag', tokenizer.startId !== undefined],
    [
      'tokenizer.ggml.add_eos_token',
      'flag',
      tokenizer.eosId !== undefined && encoded.at(-1) === tokenizer.eosId,
    ],
  ];
}

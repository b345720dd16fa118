/**
 * How a GPT-2 kind of tokenizer cuts a text before it merges: `tokenizer.ggml.pre` names it, and the steps are those of the tokenizer.json
 * that llama.cpp's converter took the name from (`get_vocab_base_pre`).
 */
import type { JsonObject } from '../../json.ts';

interface PreTokenizer {
  readonly normalizer: JsonObject | null;
  readonly steps: readonly JsonObject[];
  /** A whole word that is a token becomes that token, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether a text starts with bos if the metadata does not say. */
  readonly addsBos: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
/** `digits` is how numbers are cut: one by one, or in threes. */
const words = (digits: string): string => `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}${REST}`;

/** o200k and its relatives distinguish case: a word is upper-case letters, then lower-case letters. */
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const cased = (suffix: string, digits: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${suffix}` +
  `|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const split = (regex: string): JsonObject => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const byteLevel = (cuts: boolean): JsonObject => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: cuts,
});

function byPattern(
  patterns: readonly string[],
  { nfc = false, ignoreMerges = false, addsBos = false } = {},
): PreTokenizer {
  return {
    normalizer: nfc ? { type: 'NFC' } : null,
    steps: [...patterns.map(split), byteLevel(false)],
    ignoreMerges,
    addsBos,
  };
}

const gpt2: PreTokenizer = {
  normalizer: null,
  steps: [byteLevel(true)],
  ignoreMerges: false,
  addsBos: false,
};
const digitsApart: PreTokenizer = {
  ...gpt2,
  steps: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
};
const llama3 = byPattern([words('\\p{N}{1,3}')], { ignoreMerges: true, addsBos: true });
const threes = byPattern([words('\\p{N}{1,3}')]);
const qwen2 = byPattern([words('\\p{N}')], { nfc: true });
const o200k = byPattern([cased(`${CONTRACTIONS}?`, '\\p{N}{1,3}')], { ignoreMerges: true });
const tekken = byPattern([cased('', '\\p{N}')], { ignoreMerges: true, addsBos: true });
const deepseek3 = byPattern([
  '\\p{N}{1,3}',
  '[一-龥぀-ゟ゠-ヿ]+',
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+' +
    '| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
]);

const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': gpt2,
  olmo: gpt2,
  'phi-2': gpt2,
  'granite-docling': gpt2,
  smollm: digitsApart,
  starcoder: digitsApart,
  refact: digitsApart,
  'command-r': digitsApart,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  dbrx: threes,
  'smaug-bpe': threes,
  qwen2,
  'deepseek-r1-qwen': qwen2,
  stablelm2: qwen2,
  'gpt-4o': o200k,
  llama4: o200k,
  tekken,
  'deepseek-v3': deepseek3,
};

export function preTokenizerOf(name: string): PreTokenizer | undefined {
  return Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined;
}

/** The steps of a tokenizer.json before it merges. */
interface Cuts {
  readonly normalizers: readonly JsonObject[];
  readonly steps: readonly JsonObject[];
  readonly ignoreMerges: boolean;
}

/** The settings of a step, without fields that do not change its cuts. */
function essence(step: JsonObject): string {
  const { type, pattern, behavior, invert, individual_digits: apart, use_regex: cuts = true } = step;
  const { add_prefix_space: prefix = false } = step;
  if (type === 'Split') {
    // A line break may stand in an expression itself, or as its escape.
    const same = JSON.stringify(pattern).replaceAll(/\\\\?([rn])/g, '\\$1');
    return JSON.stringify([type, same, behavior, invert ?? false]);
  }
  if (type === 'Digits') return JSON.stringify([type, apart ?? false]);
  if (type === 'ByteLevel') return JSON.stringify([type, cuts, prefix]);
  return JSON.stringify(step);
}

/** The name under which llama.cpp cuts texts in this way; undefined if it has none that is known here. */
export function preTokenizerNamed({ normalizers, steps, ignoreMerges }: Cuts): string | undefined {
  const wanted = JSON.stringify([normalizers, steps.map(essence), ignoreMerges]);
  return Object.entries(PRE_TOKENIZERS).find(
    ([, one]) =>
      JSON.stringify([one.normalizer ? [one.normalizer] : [], one.steps.map(essence), one.ignoreMerges]) ===
      wanted,
  )?.[0];
}

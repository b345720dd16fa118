/** The most tokens that a text can have, many times as fast as its tokens are made. */
import { isObject, type JsonObject } from '../json.ts';
import { BYTE_LEVEL_PATTERN } from './tokenizer-steps.ts';
import { stepsOf } from './spells-bytes.ts';

/** Patterns whose matches never have a space after another character, and for which a space with the letters after it is a match: GPT-2, Llama 3, Qwen 2. */
const WORDS: readonly string[] = [
  BYTE_LEVEL_PATTERN,
  ...['\\p{N}{1,3}', '\\p{N}'].map(
    (digits) =>
      `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  ),
];
/** Patterns that leave letters and spaces together. */
const DIGITS: readonly string[] = ['\\p{N}', '\\p{N}+', '\\p{N}{1,3}'];
/** An added token that takes no letter and no space from the words around it. */
const APART = /^[^\s\p{L}]\S*$/u;

const SPACE = 32;
const DELETE = 127;
/** Longer words are counted in bytes. */
const LONGEST_WORD = 24;
/** Places for words whose tokens are remembered, of which half are taken: a language's common ones. A power of two. */
const SLOTS = 1 << 17;
/** The factor of the 32-bit hash by Fowler, Noll and Vo. */
const FNV_PRIME = 0x01000193;
/** The most bytes of UTF-8 of a UTF-16 unit. */
const WIDEST = 3;
/** Bytes of a buffer in which most texts fit. */
const FIRST_BYTES = 1 << 14;

const isVisible = (unit: number): boolean => unit > SPACE && unit < DELETE;
const isLetter = (unit: number): boolean => (unit | 32) >= 97 && (unit | 32) <= 122;

/** Whether each space with ASCII letters after it is a word of its own, whatever stands around it. */
function isSplitAtSpaces({ normalizer, pre_tokenizer, added_tokens }: JsonObject): boolean {
  const splits = stepsOf(pre_tokenizer, 'pretokenizers').slice(0, -1);
  const patterns = splits.map(({ pattern }) => (isObject(pattern) ? pattern.Regex : undefined));
  return (
    normalizer === null &&
    patterns.every((pattern) => [...WORDS, ...DIGITS].includes(String(pattern))) &&
    patterns.some((pattern) => WORDS.includes(String(pattern))) &&
    Array.isArray(added_tokens) &&
    added_tokens.every((token) => isObject(token) && APART.test(String(token.content)))
  );
}

/**
 * Counts the most tokens that a text can have, wherever it stands in a longer one and whether or not the white space at its ends is kept: of a space and the letters
 * after it as many as they have, of all else one for each byte. Undefined for tokenizers that split texts in other ways.
 *
 * @param json the checked tokenizer.json, of a tokenizer without a text that has more tokens than bytes (spells-bytes.ts)
 * @param encode as `wordEncoder` gives it
 */
export function mostTokens(
  json: JsonObject,
  encode: (text: string) => { readonly length: number },
): ((text: string) => number) | undefined {
  if (!isSplitAtSpaces(json)) return undefined;
  // By two hashes, of 32 bits each, in place of the word: to cut it out of the text and look it up takes ten times as long.
  const [firsts, seconds] = [new Int32Array(SLOTS), new Int32Array(SLOTS)];
  const tokensAt = new Uint8Array(SLOTS);
  let words = 0;
  // Bytes are read twice as fast as the characters of a text.
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(FIRST_BYTES);
  const tokensOf = (first: number, second: number, at: number, end: number): number => {
    let slot = first & (SLOTS - 1);
    for (; tokensAt[slot] > 0; slot = (slot + 1) & (SLOTS - 1))
      if (firsts[slot] === first && seconds[slot] === second) return tokensAt[slot];
    // A table that fills up takes no more words.
    if (words === SLOTS / 2) return end - at;
    words++;
    firsts[slot] = first;
    seconds[slot] = second;
    return (tokensAt[slot] = encode(String.fromCharCode(...bytes.subarray(at, end))).length);
  };
  return (text) => {
    if (bytes.length < text.length * WIDEST) bytes = new Uint8Array(text.length * WIDEST);
    const { written: length } = encoder.encodeInto(text, bytes);
    // White space at its end may be dropped: then letters could follow what stands before it.
    let visible = length;
    while (visible > 0 && !isVisible(bytes[visible - 1])) visible--;
    let tokens = length;
    for (let at = 0; at < length;) {
      if (bytes[at] !== SPACE) {
        at++;
        continue;
      }
      let end = at + 1;
      let [first, second] = [0, 0];
      for (; end < length; end++) {
        const letter = bytes[end];
        if (!isLetter(letter)) break;
        first = (Math.imul(first, 31) + letter) | 0;
        second = Math.imul(second ^ letter, FNV_PRIME);
      }
      const isWord =
        end > at + 1 &&
        end < visible &&
        end - at <= LONGEST_WORD &&
        at > 0 &&
        isVisible(bytes[at - 1]) &&
        (bytes[end] === SPACE || isVisible(bytes[end]));
      if (isWord) tokens += tokensOf(first, second, at, end) - (end - at);
      at = end;
    }
    return tokens;
  };
}

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
/** Places for words whose tokens are remembered, of which half are taken: a language's common ones. */
const SLOT_BITS = 17;
const SLOTS = 1 << SLOT_BITS;
/** The most bytes of UTF-8 of a UTF-16 unit. */
const WIDEST = 3;
/** Bytes of a buffer in which most texts fit. */
const FIRST_BYTES = 1 << 14;

const isVisible = (unit: number): boolean => unit > SPACE && unit < DELETE;

/** Bytes that are read after a text: none of them is a letter. */
const END = 8;

/** A mask of the letters of ASCII that four bytes start with, all ones if all are letters. Without a branch, since nobody can predict where a word ends. */
function startOfLetters(four: number): number {
  const small = (four | 0x20202020) & 0x7f7f7f7f;
  // The high bit of each byte that is no letter: the first sum reaches it from a on, the second after z.
  const others = (~(small + 0x1f1f1f1f) | (small + 0x05050505) | four) & 0x80808080;
  return ((others & (~others + 1)) >>> 7) - 1;
}

/** Letters in a mask of {@link startOfLetters}. */
const lettersIn = (mask: number): number => (32 - Math.clz32(mask)) >> 3;

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
 * Added tokens that are one token each wherever a template writes them: no other one can take their first character from them. Empty for tokenizers that change
 * a text before they split it.
 *
 * @param json the checked tokenizer.json
 */
export function apartTokens({ normalizer, added_tokens }: JsonObject): string[] {
  if (normalizer !== null || !Array.isArray(added_tokens)) return [];
  const added = added_tokens.filter(isObject);
  const contents = added.map(({ content }) => String(content));
  const isApart = (token: string): boolean =>
    !contents.some((content) => content.slice(1).includes(token.charAt(0)));
  return added
    .filter(({ single_word, lstrip, rstrip }) => !single_word && !lstrip && !rstrip)
    .map(({ content }) => String(content))
    .filter(isApart)
    .sort((a, b) => b.length - a.length);
}

/**
 * Counts the most tokens that a text can have, wherever it stands in a longer one and whether or not the white space at its ends is kept: of a space and the letters
 * after it as many as they have, of all else one for each byte. Undefined for tokenizers that split texts in other ways.
 *
 * @param json the checked tokenizer.json, of a tokenizer without a text that has more tokens than bytes (spells-bytes.ts)
 * @param encode as `wordEncoder` gives it
 * @returns with the number of tokens from which on none has to be counted any more: so many or fewer are enough
 */
export function mostTokens(
  json: JsonObject,
  encode: (text: string) => { readonly length: number },
): ((text: string, enough?: number) => number) | undefined {
  if (!isSplitAtSpaces(json)) return undefined;
  // By two numbers of 32 bits in place of the word, its letters or their hashes: to cut it out of the text and look it up takes ten times as long.
  const [firsts, seconds] = [new Int32Array(SLOTS), new Int32Array(SLOTS)];
  const tokensAt = new Uint8Array(SLOTS);
  let words = 0;
  // Bytes are read twice as fast as the characters of a text.
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(FIRST_BYTES);
  let view = new DataView(bytes.buffer);
  const tokensOf = (first: number, second: number, at: number, end: number): number => {
    let slot = (Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35)) >>> (32 - SLOT_BITS);
    for (; tokensAt[slot] > 0; slot = (slot + 1) & (SLOTS - 1))
      if (firsts[slot] === first && seconds[slot] === second) return tokensAt[slot];
    // A table that fills up takes no more words.
    if (words === SLOTS / 2) return end - at;
    words++;
    firsts[slot] = first;
    seconds[slot] = second;
    return (tokensAt[slot] = encode(String.fromCharCode(...bytes.subarray(at, end))).length);
  };
  return (text, enough = 0) => {
    if (bytes.length < text.length * WIDEST + END) {
      bytes = new Uint8Array(text.length * WIDEST + END);
      view = new DataView(bytes.buffer);
    }
    const { written: length } = encoder.encodeInto(text, bytes);
    bytes.fill(0, length, length + END);
    // White space at its end may be dropped: then letters could follow what stands before it.
    let visible = length;
    while (visible > 0 && !isVisible(bytes[visible - 1])) visible--;
    let tokens = length;
    for (let at = 0; at < length && tokens > enough;) {
      if (bytes[at] !== SPACE) {
        at++;
        continue;
      }
      const [one, other] = [view.getInt32(at + 1, true), view.getInt32(at + 5, true)];
      const mask = startOfLetters(one);
      const otherMask = startOfLetters(other) & (mask >> 31);
      let [first, second] = [one & mask, other & otherMask];
      let end = at + 1 + lettersIn(mask) + lettersIn(otherMask);
      for (let isGoing = otherMask === -1; isGoing;) {
        const more = view.getInt32(end, true);
        const moreMask = startOfLetters(more);
        first = Math.imul(first ^ (more & moreMask), 0x85ebca6b);
        second = Math.imul(second ^ (more & moreMask), 0xc2b2ae35);
        first ^= first >>> 15;
        second ^= second >>> 13;
        end += lettersIn(moreMask);
        isGoing = moreMask === -1;
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

/**
 * Byte-pair encoding as the crate `tokenizers` has it (`models/bpe/model.rs`), in place of the library's. That one makes a string and an object for
 * every merge; in a text that no pre-tokenizer splits (sentencepiece's kind) it took 13.4 s of processor time for 3.5 million characters, and the
 * crate 1.6.
 *
 * A text is cut where no merge can join what stands on both sides, which gives the same tokens: mostly before each '▁'. The pieces are words, and the
 * tokens of a word are remembered. What remains long is merged with a heap over a linked list of ids.
 */
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { isObject, type JsonObject } from '../json.ts';
import { WordCache } from './tokenizer-cache.ts';

/** Longer pieces hardly occur twice. */
const MAX_CACHED_CHARS = 64;
/** Code points below this have a table of pairs of their own. */
const COMMON = 128;
/** More than any code point. */
const CODE_POINTS = 0x110000;
/** More than any place in a text. */
const PLACES = 2 ** 24;
const NONE = -1;
/** Stands for a token for the unknown that the vocabulary does not have. */
const MISSING = -2;

/** Pairs of ids → rank and id of what they merge to, in one table without objects: open addressing. */
class Merges {
  readonly #mask: number;
  /** Left, right, rank and merged of each place. */
  readonly #slots: Int32Array;

  constructor(pairs: readonly (readonly [left: number, right: number, merged: number])[]) {
    let size = 16;
    while (size < 2 * pairs.length) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(4 * size).fill(NONE);
    // A pair that is listed twice has its last rank, as in the crate.
    pairs.forEach(([left, right, merged], rank) =>
      this.#slots.set([left, right, rank, merged], this.find(left, right)),
    );
  }

  /** The place of a pair, or the empty place at which it would be. */
  find(left: number, right: number): number {
    const slots = this.#slots;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = 4 * at;
      if (slots[slot] === NONE || (slots[slot] === left && slots[slot + 1] === right)) return slot;
    }
  }

  /** {@link NONE} if these do not merge. */
  rank(slot: number): number {
    return this.#slots[slot + 2];
  }

  merged(slot: number): number {
    return this.#slots[slot + 3];
  }
}

/** The smallest of numbers first. */
class Heap {
  readonly #numbers: number[] = [];

  push(number: number): void {
    const heap = this.#numbers;
    let at = heap.length;
    heap.push(number);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent] <= number) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = number;
  }

  pop(): number | undefined {
    const heap = this.#numbers;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return last;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= last) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const lastOf = (text: string): number => [...text].at(-1)!.codePointAt(0)!;

/** The pairs of neighbouring characters that some merge joins. */
class Joints {
  readonly #common = new Uint8Array(COMMON * COMMON);
  readonly #others = new Set<number>();

  add(left: number, right: number): void {
    if (left < COMMON && right < COMMON) this.#common[left * COMMON + right] = 1;
    else this.#others.add(left * CODE_POINTS + right);
  }

  has(left: number, right: number): boolean {
    return left < COMMON && right < COMMON
      ? this.#common[left * COMMON + right] === 1
      : this.#others.has(left * CODE_POINTS + right);
  }
}

/** A BPE model of a checked tokenizer.json. */
class BytePairs {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #merges: Merges;
  /** Missing if the text must stay whole. */
  readonly #joints: Joints | undefined;
  /** Ids of code points that are tokens. */
  readonly #chars = new Map<number, number>();
  /** Ids of the tokens like <0x0A>, if all of them spell what has no token. */
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #unknown: number | undefined;
  readonly #fusesUnknown: boolean;
  readonly #ignoresMerges: boolean;
  readonly #suffix: string;
  readonly #encoder = new TextEncoder();
  readonly #cache = new WordCache<readonly number[]>();

  /** @param model as `checkModel` returns it: every merge makes a token of two tokens */
  constructor(model: JsonObject, ids: ReadonlyMap<string, number>) {
    const { merges, unk_token, byte_fallback, fuse_unk, ignore_merges, end_of_word_suffix } = model;
    const pairs = merges as readonly (readonly [string, string])[];
    const idOf = (token: string): number => ids.get(token)!;
    this.#ids = ids;
    for (const [token, id] of ids) {
      const code = token.codePointAt(0);
      if (code !== undefined && token.length === (code > 0xffff ? 2 : 1)) this.#chars.set(code, id);
    }
    this.#merges = new Merges(
      pairs.map(([left, right]) => [idOf(left), idOf(right), idOf(left + right)] as const),
    );
    this.#bytes =
      byte_fallback === true ? Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte))) : undefined;
    this.#unknown = typeof unk_token === 'string' ? (ids.get(unk_token) ?? MISSING) : undefined;
    this.#fusesUnknown = fuse_unk === true;
    this.#ignoresMerges = ignore_merges === true;
    this.#suffix = typeof end_of_word_suffix === 'string' ? end_of_word_suffix : '';
    this.#joints = this.#ignoresMerges || this.#suffix !== '' ? undefined : this.#jointsOf(pairs);
  }

  /** @returns nothing if a merge has a token that stands for bytes or for the unknown: what has no token of its own could then be joined */
  #jointsOf(pairs: readonly (readonly [string, string])[]): Joints | undefined {
    const spelled = new Set([...(this.#bytes ?? []), this.#unknown]);
    const joints = new Joints();
    for (const [left, right] of pairs) {
      if (spelled.has(this.#ids.get(left)) || spelled.has(this.#ids.get(right))) return undefined;
      joints.add(lastOf(left), right.codePointAt(0)!);
    }
    return joints;
  }

  /** The ids of a text, or of a word. A part that the vocabulary cannot spell has none, if the model names no token for the unknown. */
  encode(text: string): number[] {
    const ids: number[] = [];
    const joints = this.#joints;
    if (!joints) {
      for (const id of this.#word(text)) ids.push(id);
      return ids;
    }
    let start = 0;
    let before = NONE;
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at)!;
      // What has no token stays with its neighbours: a run of it may become one token.
      if (before !== NONE && !joints.has(before, code) && this.#chars.has(before) && this.#chars.has(code)) {
        for (const id of this.#word(text.slice(start, at))) ids.push(id);
        start = at;
      }
      before = code;
      at += code > 0xffff ? 2 : 1;
    }
    if (start < text.length) for (const id of this.#word(text.slice(start))) ids.push(id);
    return ids;
  }

  #word(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    const whole = this.#ignoresMerges ? this.#ids.get(word) : undefined;
    const ids = whole === undefined ? this.#merge(this.#symbols(word)) : [whole];
    if (word.length <= MAX_CACHED_CHARS) this.#cache.put(word, ids);
    return ids;
  }

  /** What a word is merged from: its characters, their bytes, or the unknown. */
  #symbols(word: string): number[] {
    const symbols: number[] = [];
    let unknown = 0;
    const flush = (): void => {
      for (; unknown > 0; unknown--) symbols.push(this.#unknown!);
    };
    for (let at = 0; at < word.length;) {
      const code = word.codePointAt(at)!;
      const next = at + (code > 0xffff ? 2 : 1);
      const symbol = word.slice(at, next) + (next === word.length ? this.#suffix : '');
      at = next;
      const id = this.#suffix === '' ? this.#chars.get(code) : this.#ids.get(symbol);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        continue;
      }
      const bytes = this.#bytes && Array.from(this.#encoder.encode(symbol), (byte) => this.#bytes![byte]);
      if (bytes?.every((byte) => byte !== undefined)) symbols.push(...bytes);
      else if (this.#unknown !== undefined) {
        if (!this.#fusesUnknown) flush();
        unknown = 1;
      }
    }
    flush();
    return symbols;
  }

  /** Merges neighbours, the pair of the lowest rank first, of equal ones the leftmost. */
  #merge(symbols: number[]): number[] {
    const { length } = symbols;
    if (length < 2) return symbols;
    const next = Int32Array.from({ length }, (_, at) => (at + 1 < length ? at + 1 : NONE));
    const previous = Int32Array.from({ length }, (_, at) => at - 1);
    const merges = this.#merges;
    const heap = new Heap();
    const push = (at: number): void => {
      const rank = merges.rank(merges.find(symbols[at], symbols[next[at]]));
      if (rank !== NONE) heap.push(rank * PLACES + at);
    };
    for (let at = 0; at + 1 < length; at++) push(at);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const at = top % PLACES;
      const right = next[at];
      if (symbols[at] === NONE || right === NONE) continue;
      const slot = merges.find(symbols[at], symbols[right]);
      // One of the two was merged since.
      if (merges.rank(slot) !== (top - at) / PLACES) continue;
      symbols[at] = merges.merged(slot);
      symbols[right] = NONE;
      next[at] = next[right];
      if (next[at] !== NONE) {
        previous[next[at]] = at;
        push(at);
      }
      if (previous[at] !== NONE) push(previous[at]);
    }
    return symbols.filter((id) => id !== NONE);
  }
}

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/** The library's BPE model, as far as it is replaced. */
interface BpeModel {
  readonly vocab: readonly (string | undefined)[];
  readonly unk_token: string;
  fuse_unk: boolean;
  encode(words: readonly string[]): string[];
}

/**
 * Makes the library encode by {@link BytePairs}; models of other kinds stay unchanged.
 *
 * @param json the checked tokenizer.json that the library was made of
 */
export function mergeFast(library: Library, { model }: JsonObject): void {
  if (!isObject(model) || model.type !== 'BPE') return;
  // Without added tokens: they are no part of a model.
  const ids = new Map(Object.entries(model.vocab as Record<string, number>));
  const pairs = new BytePairs(model, ids);
  const own = library.model as unknown as BpeModel;
  own.encode = (words) => {
    const tokens: string[] = [];
    for (const word of words)
      for (const id of pairs.encode(word)) tokens.push(own.vocab[id] ?? own.unk_token);
    return tokens;
  };
  // The library would join unknowns of neighbouring words as well.
  own.fuse_unk = false;
}

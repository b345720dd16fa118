/** Which tokens of a vocabulary may come next in a JSON object. */
import { GraftError } from '../errors.ts';
import {
  isComplete,
  isInCharacter,
  JSON_IN_STRING,
  JSON_START,
  signatureOf,
  stepJson,
  type JsonState,
} from './json-automaton.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * What a tokenizer has to write byte by byte. With these, every start of an object has an end: each token, literal, escape and exponent can be
 * finished.
 */
const NEEDED = '{}[]":,0aeflnrstu';
/** Sets of allowed tokens that are kept: 19 kB each for a vocabulary of 150,000. */
const MAX_KEPT = 256;

type JsonTokenizer = Pick<Tokenizer, 'bytesOf' | 'eosIds' | 'vocabSize'>;

const known = new WeakMap<JsonTokenizer, JsonTokens>();

/**
 * The tokens of a tokenizer, sorted once.
 *
 * @param name of the model, for the message
 * @throws GraftError `json-tokenizer` if it has no token for a character that every object needs
 */
export function jsonTokensOf(tokenizer: JsonTokenizer, name: string): JsonTokens {
  let tokens = known.get(tokenizer);
  if (!tokens) known.set(tokenizer, (tokens = new JsonTokens(tokenizer, name)));
  return tokens;
}

/** Tokens in the order of their bytes, one character a byte. */
interface SortedTokens {
  readonly texts: readonly string[];
  readonly ids: readonly number[];
  /** How many bytes a token has in common with the one before it. */
  readonly shared: readonly number[];
}

function sortTokens(tokens: readonly (readonly [number, string])[]): SortedTokens {
  const sorted = [...tokens].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
  const texts = sorted.map(([, text]) => text);
  const shared = texts.map((text, at) => {
    const before = at > 0 ? texts[at - 1] : '';
    let count = 0;
    while (count < before.length && before[count] === text[count]) count++;
    return count;
  });
  return { texts, ids: sorted.map(([id]) => id), shared };
}

/** Whether a token changes nothing in a string: most do not, so that they need not be tried there. */
function isPlain(text: string): boolean {
  let state: JsonState | undefined = JSON_IN_STRING;
  for (let at = 0; at < text.length && state; at++) {
    state = stepJson(state, text.charCodeAt(at));
    if (state && state.at !== 'string' && !isInCharacter(state)) return false;
  }
  return state?.at === 'string';
}

export class JsonTokens {
  readonly #textOf = new Map<number, string>();
  readonly #vocabulary: number;
  readonly #all: SortedTokens;
  readonly #plain: Uint32Array;
  readonly #notPlain: SortedTokens;
  /** Whether every byte inside a character has a token of its own, so that a token may end inside one. */
  readonly #spellsCharacters: boolean;
  readonly #kept = new Map<string, Uint32Array>();

  constructor(tokenizer: JsonTokenizer, name: string) {
    this.#vocabulary = tokenizer.vocabSize;
    for (let id = 0; id < this.#vocabulary; id++) {
      const bytes = tokenizer.eosIds.includes(id) ? undefined : tokenizer.bytesOf?.(id);
      // A token without text could come for ever.
      if (bytes && bytes.length > 0) this.#textOf.set(id, String.fromCharCode(...bytes));
    }
    const single = new Set([...this.#textOf.values()].filter(({ length }) => length === 1));
    const missing = [...NEEDED].find((character) => !single.has(character));
    if (missing !== undefined)
      throw new GraftError(
        'json-tokenizer',
        `The tokenizer of ${name} has no token for ${missing}, so that not every answer could be a JSON object.`,
        'Ask for JSON in the prompt instead, and check the answer.',
      );
    this.#spellsCharacters = Array.from({ length: 64 }, (_, at) => String.fromCharCode(0x80 + at)).every(
      (byte) => single.has(byte),
    );
    const tokens = [...this.#textOf];
    this.#all = sortTokens(tokens);
    this.#plain = this.#none();
    const notPlain = tokens.filter(([id, text]) => {
      if (!isPlain(text)) return true;
      allow(this.#plain, id);
      return false;
    });
    this.#notPlain = sortTokens(notPlain);
  }

  #none(): Uint32Array {
    return new Uint32Array(Math.ceil(this.#vocabulary / 32));
  }

  /** A text that starts. */
  begin(): JsonText {
    return new JsonText(this);
  }

  /** A bit for each token that may follow, the bits of a word from the lowest on. */
  allowedAfter(state: JsonState): Uint32Array {
    const signature = signatureOf(state);
    let allowed = this.#kept.get(signature);
    if (!allowed) {
      allowed = this.#find(state);
      if (this.#kept.size === MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
      this.#kept.set(signature, allowed);
    }
    return allowed;
  }

  /** The state after a token that may follow. */
  after(state: JsonState, id: number): JsonState {
    const text = this.#textOf.get(id) ?? '';
    let next: JsonState | undefined = text === '' ? undefined : state;
    for (let at = 0; at < text.length && next; at++) next = stepJson(next, text.charCodeAt(at));
    if (!next) throw new Error(`Token ${id} does not continue a JSON object`);
    return next;
  }

  /** Tries tokens. What neighbours have in common is tried once. */
  #find(state: JsonState): Uint32Array {
    const inString = state.at === 'string';
    const allowed = inString ? this.#plain.slice() : this.#none();
    const { texts, ids, shared } = inString ? this.#notPlain : this.#all;
    /** After each byte of the present token, as far as the text can become an object. */
    const states = [state];
    let legal = 0;
    texts.forEach((text, at) => {
      // It starts like the one before it, including the byte that was refused.
      if (shared[at] > legal) return;
      for (legal = shared[at]; legal < text.length; legal++) {
        const next = stepJson(states[legal], text.charCodeAt(legal));
        if (!next) return;
        states[legal + 1] = next;
      }
      if (this.#spellsCharacters || !isInCharacter(states[legal])) allow(allowed, ids[at]);
    });
    return allowed;
  }
}

function allow(bits: Uint32Array, id: number): void {
  bits[id >>> 5] |= 1 << (id & 31);
}

/** A JSON object that is written token by token. */
export class JsonText {
  #state = JSON_START;

  constructor(private readonly tokens: JsonTokens) {}

  /** As {@link JsonTokens.allowedAfter}. */
  allowed(): Uint32Array {
    return this.tokens.allowedAfter(this.#state);
  }

  /** Adds an allowed token. @returns whether the object is complete */
  take(id: number): boolean {
    this.#state = this.tokens.after(this.#state, id);
    return isComplete(this.#state);
  }
}

/**
 * Tokens that are added to a tokenizer, as by transformers' `add_tokens`: each text becomes one token wherever it occurs, and their ids follow the
 * highest existing one.
 *
 * They are not special tokens, which answers leave out: a marker or a word that a model learned to write should be visible. They are matched in the
 * original text (`normalized` false).
 */
import { GraftError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Tokenizer } from './tokenizer.ts';
import { MAX_TOKEN_CHARS } from './tokenizer-check.ts';

/** More tokens are a new vocabulary, which rows next to an adapter cannot learn. */
const MAX_ADDED_TOKENS = 1024;

/** New tokens: their texts, and the id of the first. */
export interface NewTokens {
  readonly texts: readonly string[];
  readonly first: number;
}

/**
 * @param tokenizer of the base
 * @throws GraftError `add-tokens` for a text that cannot be a new token, naming it
 */
export function newTokens(texts: readonly string[], tokenizer: Tokenizer): NewTokens {
  const problem = problemWithTexts(texts);
  if (problem !== undefined) throw wrong(problem, 'Give each text once, without white space around it.');
  const known = texts.find((text) => tokenizer.idOf(text) !== undefined);
  if (known !== undefined)
    throw wrong(
      `${quoted(known)} is a token of this model already, with the id ${tokenizer.idOf(known)}.`,
      'Leave it out: rows may use it as it is.',
    );
  return { texts, first: tokenizer.vocabSize };
}

/** The fault of the texts by themselves, in a sentence; undefined if there is none. */
export function problemWithTexts(texts: readonly string[]): string | undefined {
  if (texts.length > MAX_ADDED_TOKENS)
    return `${texts.length} tokens are to be added; at most ${MAX_ADDED_TOKENS} can be.`;
  const long = texts.find((text) => text.length > MAX_TOKEN_CHARS);
  if (long !== undefined)
    return `${quoted(long)} has ${long.length} characters; a token has at most ${MAX_TOKEN_CHARS}.`;
  if (texts.includes('')) return 'One of the new tokens is empty.';
  const spaced = texts.find((text) => text.trim() !== text);
  if (spaced !== undefined)
    return spaced.trim() === ''
      ? 'One of the new tokens is only white space.'
      : `${quoted(spaced)} starts or ends with white space, which many tokenizers set apart from words.`;
  const twice = texts.find((text, at) => texts.indexOf(text) !== at);
  return twice === undefined ? undefined : `${quoted(twice)} is named twice.`;
}

const wrong = (what: string, remedy: string): GraftError => new GraftError('add-tokens', what, remedy);
const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));

/** A token in the form of tokenizer.json and tokenizer_config.json, without its id. */
const entryOf = (content: string): JsonObject => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
});

const eachId = ({ texts, first }: NewTokens): [id: number, text: string][] =>
  texts.map((text, at) => [first + at, text]);

/** Whether any of these ids belongs to a new token: the base may have an unused row for it. */
export function hasAdded(added: NewTokens | undefined, ids: ArrayLike<number>): boolean {
  return (
    added !== undefined &&
    Array.from(ids).some((id) => id >= added.first && id < added.first + added.texts.length)
  );
}

/** A parsed tokenizer.json with new tokens. Those that it has already stay as they are. */
export function tokenizerWith(json: JsonObject, added: NewTokens): JsonObject {
  const before: unknown[] = Array.isArray(json['added_tokens']) ? json['added_tokens'] : [];
  const known = addedTexts(json);
  const entries = eachId(added)
    .filter(([id]) => !known.has(id))
    .map(([id, text]) => ({ id, ...entryOf(text) }));
  return { ...json, added_tokens: [...before, ...entries] };
}

/** A parsed tokenizer_config.json with new tokens, if it lists those that were added. */
export function tokenizerConfigWith(json: JsonObject, added: NewTokens): JsonObject {
  const listed = json['added_tokens_decoder'];
  if (!isObject(listed)) return json;
  const entries = eachId(added).map(([id, text]) => [String(id), entryOf(text)] as const);
  return { ...json, added_tokens_decoder: { ...Object.fromEntries(entries), ...listed } };
}

/** The added tokens of a parsed tokenizer.json: text by id. */
export function addedTexts(json: unknown): Map<number, string> {
  const entries: unknown[] =
    isObject(json) && Array.isArray(json['added_tokens']) ? json['added_tokens'] : [];
  return new Map(
    entries.flatMap((entry) =>
      isObject(entry) && typeof entry['id'] === 'number' && typeof entry['content'] === 'string'
        ? [[entry['id'], entry['content']] as const]
        : [],
    ),
  );
}

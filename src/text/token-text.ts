import { byteOf } from './byte-fallback.ts';
import type { StreamDecodeOptions, Tokenizer } from './tokenizer.ts';

/** The text that a token adds after another one; a special token or a part of a character is shown by its name in the vocabulary. */
export function textOfToken(id: number, before: number | undefined, tokenizer: Tokenizer): string {
  const name = tokenizer.tokenOf(id) ?? '';
  if (tokenizer.isSpecial(id)) return name;
  const context = before === undefined || tokenizer.isSpecial(before) ? [] : [before];
  const prefix = tokenizer.decode(context);
  const whole = tokenizer.decode([...context, id]);
  const text = whole.startsWith(prefix) ? whole.slice(prefix.length) : tokenizer.decode([id]);
  return text.includes('\uFFFD') || text === '' ? name : text;
}

/** A character of several tokens, and the position of one of them. */
export interface CharacterPart {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

export interface TokenText {
  /** What the token adds to the text: '' inside a character of several tokens, which its first token has. */
  readonly text: string;
  readonly part?: CharacterPart;
}

/** The text of each token of a whole text. Together they equal the decoding of all tokens. */
export function textsOfTokens(
  ids: readonly number[],
  tokenizer: Tokenizer,
  options: StreamDecodeOptions,
): TokenText[] {
  const stream = tokenizer.streamDecoder(options);
  const tokens: TokenText[] = ids.map((id, at) => ({ text: stream.push(id, ids.at(at + 1)) }));
  const rest = stream.end();
  if (rest !== '') tokens.push({ text: (tokens.pop()?.text ?? '') + rest });
  for (let first = 0; first < ids.length; first++) {
    if (tokens[first].text !== '' || !isPartial(ids[first], tokenizer)) continue;
    const last = tokens.findIndex(({ text }, at) => at > first && text !== '');
    if (last < 0) break;
    const run = ids.slice(first, last + 1);
    tokens.splice(first, run.length, ...characterParts(run, tokens[last].text, tokenizer));
    first = last;
  }
  return tokens;
}

const byteOfToken = (id: number, tokenizer: Tokenizer): number | undefined =>
  byteOf(tokenizer.tokenOf(id) ?? '');

/** Whether a token is a piece of a character, without a text of its own. */
function isPartial(id: number, tokenizer: Tokenizer): boolean {
  return byteOfToken(id, tokenizer) !== undefined || tokenizer.decode([id]).includes('\uFFFD');
}

/** Several tokens whose text is known with the last of them: each character goes to the token that it starts with. */
function characterParts(ids: readonly number[], text: string, tokenizer: Tokenizer): TokenText[] {
  const characters = [...text];
  // Bytes that are not text: one replacement character each.
  if (characters.length === ids.length && characters.every((one) => one === '\uFFFD'))
    return characters.map((one) => ({ text: one }));
  const partsOf = (character: string, count: number): TokenText[] =>
    Array.from({ length: count }, (_, i) => ({
      text: i === 0 ? character : '',
      ...(count > 1 && { part: { text: character, number: i + 1, count } }),
    }));
  const sizes = characters.map((one) => new TextEncoder().encode(one).length);
  const bytes =
    ids.every((id) => byteOfToken(id, tokenizer) !== undefined) &&
    sizes.reduce((sum, size) => sum + size, 0) === ids.length;
  if (bytes) return characters.flatMap((one, i) => partsOf(one, sizes[i]));
  // The last token may have more than the end of the character.
  const parts = partsOf(characters[0], ids.length);
  const end = parts[parts.length - 1];
  return [...parts.slice(0, -1), { ...end, text: characters.slice(1).join('') }];
}

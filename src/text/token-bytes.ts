/** The bytes that each token adds to a text, whatever its neighbours are. */
import { isObject, type JsonObject } from '../json.ts';
import { byteOf } from './byte-fallback.ts';
import { byteLetters, stepsOf } from './spells-bytes.ts';

/** From a token as the vocabulary has it to its bytes. */
export type BytesOf = (token: string) => Uint8Array<ArrayBuffer>;

/**
 * How the decoder of a tokenizer writes tokens that are not special: the letters of GPT-2 for bytes, or sentencepiece's spaces and bytes.
 *
 * @param json a checked tokenizer.json
 * @returns undefined for decoders whose text of a token depends on its place: words with suffixes or prefixes, or no decoder at all
 */
export function bytesOfTokens({ decoder }: JsonObject): BytesOf | undefined {
  const steps = stepsOf(decoder, 'decoders');
  const encoder = new TextEncoder();
  if (steps.some(({ type }) => type === 'ByteLevel')) {
    const bytes = new Map(byteLetters().map((letter, byte) => [letter, byte]));
    return (token) => {
      const known = new Uint8Array(token.length);
      for (let at = 0; at < token.length; at++) {
        const byte = bytes.get(token[at]);
        // An added token can have other characters: it is written as it is.
        if (byte === undefined) return encoder.encode(token);
        known[at] = byte;
      }
      return known;
    };
  }
  const isKnown = ({ type, pattern }: JsonObject): boolean =>
    ['Metaspace', 'ByteFallback', 'Fuse', 'Strip'].includes(String(type)) ||
    (type === 'Replace' && isObject(pattern) && typeof pattern.String === 'string');
  if (steps.length === 0 || !steps.every(isKnown)) return undefined;
  const fallsBack = steps.some(({ type }) => type === 'ByteFallback');
  return (token) => {
    const byte = fallsBack ? byteOf(token) : undefined;
    if (byte !== undefined) return Uint8Array.of(byte);
    // A Strip takes spaces of the ends of the text only.
    const text = steps.reduce((written, { type, pattern, content, replacement }) => {
      if (type === 'Metaspace') return written.replaceAll(String(replacement), ' ');
      return type === 'Replace' && isObject(pattern)
        ? written.replaceAll(String(pattern.String), String(content))
        : written;
    }, token);
    return encoder.encode(text);
  };
}

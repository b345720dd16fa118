/** Whether the length of a text bounds the number of its tokens. */
import { isObject, type JsonObject } from '../json.ts';

/** The steps of a part of a tokenizer, nested lists laid flat. */
export function stepsOf(node: unknown, list: 'normalizers' | 'pretokenizers' | 'decoders'): JsonObject[] {
  if (!isObject(node)) return [];
  const steps = node[list];
  return Array.isArray(steps) ? steps.flatMap((step) => stepsOf(step, list)) : [node];
}

/** sentencepiece's space. */
const SPACE = '▁';

/** The characters that stand for the 256 bytes in the vocabulary of GPT-2's kind. */
export function byteLetters(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

const byteTokens = (): string[] =>
  Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

const isSpaceStep = ({ type, prepend, pattern, content }: JsonObject): boolean =>
  type === 'Prepend'
    ? prepend === SPACE
    : type === 'Replace' && isObject(pattern) && pattern.String === ' ' && content === SPACE;

/**
 * Whether every text has at most as many tokens as bytes of UTF-8, and one for a space before it, and no byte is lost: a BPE model that has all bytes,
 * after steps that remove and add nothing.
 *
 * @param json a checked tokenizer.json
 */
export function spellsBytes({ normalizer, pre_tokenizer, model, added_tokens }: JsonObject): boolean {
  if (!isObject(model) || model.type !== 'BPE' || !isObject(model.vocab)) return false;
  const { vocab } = model;
  const strips = Array.isArray(added_tokens)
    ? added_tokens.some((token) => isObject(token) && (token.lstrip === true || token.rstrip === true))
    : true;
  if (strips || model.end_of_word_suffix) return false;
  const hasAll = (tokens: readonly string[]): boolean => tokens.every((token) => Object.hasOwn(vocab, token));
  const steps = stepsOf(pre_tokenizer, 'pretokenizers');
  const last = steps.at(-1);
  const splits = (last?.type === 'ByteLevel' ? steps.slice(0, -1) : steps).every(
    ({ type, behavior }) => type === 'Split' && behavior === 'Isolated',
  );
  if (!splits) return false;
  if (last?.type === 'ByteLevel')
    return normalizer === null && last.add_prefix_space !== true && hasAll(byteLetters());
  const changes = stepsOf(normalizer, 'normalizers');
  return (
    model.byte_fallback === true &&
    hasAll([...byteTokens(), SPACE]) &&
    changes.every(isSpaceStep) &&
    changes.filter(({ type }) => type === 'Prepend').length <= 1
  );
}

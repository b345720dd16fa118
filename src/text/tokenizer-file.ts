/**
 * Makes tokenizer.json safe for `@huggingface/tokenizers`. The library trusts its input: a missing list is a TypeError, an id of
 * 10⁹ a loop of 10⁹, a FixedLength of 0 an endless one. Everything it reads is checked here, and parts that it computes differently
 * from the reference implementation (the Rust crate `tokenizers`) are rewritten into parts that it computes the same.
 */
import type { JsonObject } from '../json.ts';
import { Checker } from './tokenizer-check.ts';
import { checkAddedTokens, checkModel } from './tokenizer-model.ts';
import { checkSteps } from './tokenizer-steps.ts';

interface CheckedTokenizer {
  /** For the library. */
  json: JsonObject;
  /** Token → id, added tokens included. */
  ids: Map<string, number>;
  /** Contents of the added tokens that the file marks as special. */
  special: Set<string>;
  /** `BPE`, `WordPiece` or `Unigram`. */
  modelType: unknown;
}

/**
 * Checks a parsed tokenizer.json and returns the part for the library.
 * @param where the file's name, for messages.
 * Throws `tokenizer-file` (damaged), `tokenizer-pattern` (a regular expression that could take forever) or `tokenizer-unsupported`.
 */
export function checkTokenizerJson(value: unknown, where: string): CheckedTokenizer {
  const check = new Checker(where);
  const file = check.object(value, 'the file');
  const { model, ids } = checkModel(check, file.model);
  const { added, special } = checkAddedTokens(check, file.added_tokens, ids);
  return {
    ids,
    special,
    modelType: model.type,
    json: { version: '1.0', added_tokens: added, ...checkSteps(check, file, ids), model },
  };
}

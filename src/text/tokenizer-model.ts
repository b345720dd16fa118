/** The model of a tokenizer file: vocabulary, merges, added tokens. */
import type { JsonObject } from '../json.ts';
import { MAX_TOKENS, type Checker } from './tokenizer-check.ts';

/** Unigram tries every token at every place; the longest in use has 64 characters. */
const MAX_UNIGRAM_TOKEN_CHARS = 256;
const MAX_ADDED_TOKENS = 100_000;
const MAX_WORD_CHARS = 256;

/** A model for the library, and its tokens. */
interface CheckedModel {
  model: JsonObject;
  ids: Map<string, number>;
}

function checkVocabObject(check: Checker, value: unknown): Map<string, number> {
  const vocab = check.object(value, 'model.vocab');
  const ids = new Map<string, number>();
  const owner = new Map<number, string>();
  for (const token in vocab) {
    const part = `token ${JSON.stringify(token.slice(0, 40))}`;
    check.text(token, part);
    const id = check.id(vocab[token], part);
    const other = owner.get(id);
    if (other !== undefined) throw check.wrong(part, `has the id ${id}, which ${JSON.stringify(other)} has`);
    owner.set(id, token);
    ids.set(token, id);
  }
  if (ids.size > MAX_TOKENS) throw check.wrong('model.vocab', `has ${ids.size} tokens`);
  return ids;
}

function checkMerges(check: Checker, model: JsonObject, ids: Map<string, number>): [string, string][] {
  const merges = check.list(model.merges, 'model.merges', MAX_TOKENS);
  const prefix = check.optionalText(model.continuing_subword_prefix, 'model.continuing_subword_prefix') ?? '';
  return merges.map((merge, index) => {
    const part = `merge ${index}`;
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2) throw check.wrong(part, 'is not a pair of tokens');
    const left = check.text(pair[0], part);
    const right = check.text(pair[1], part);
    const joined = left + (prefix && right.startsWith(prefix) ? right.slice(prefix.length) : right);
    for (const token of [left, right, joined]) {
      if (!ids.has(token))
        throw check.wrong(
          part,
          `needs ${JSON.stringify(token.slice(0, 40))}, which is not in the vocabulary`,
        );
    }
    return [left, right];
  });
}

function checkBpe(check: Checker, model: JsonObject): CheckedModel {
  const ids = checkVocabObject(check, model.vocab);
  const unk = check.optionalText(model.unk_token, 'model.unk_token');
  const prefix = check.optionalText(model.continuing_subword_prefix, 'model.continuing_subword_prefix');
  if (prefix) throw check.unsupported('model.continuing_subword_prefix', `is ${JSON.stringify(prefix)}`);
  return {
    ids,
    model: {
      type: 'BPE',
      vocab: model.vocab,
      merges: checkMerges(check, model, ids),
      unk_token: unk,
      end_of_word_suffix: check.optionalText(model.end_of_word_suffix, 'model.end_of_word_suffix'),
      fuse_unk: check.flag(model.fuse_unk, 'model.fuse_unk'),
      byte_fallback: check.flag(model.byte_fallback, 'model.byte_fallback'),
      ignore_merges: check.flag(model.ignore_merges, 'model.ignore_merges'),
    },
  };
}

function checkWordPiece(check: Checker, model: JsonObject): CheckedModel {
  const ids = checkVocabObject(check, model.vocab);
  const unk = check.text(model.unk_token, 'model.unk_token');
  if (!ids.has(unk)) throw check.wrong('model.unk_token', 'is not in the vocabulary');
  return {
    ids,
    model: {
      type: 'WordPiece',
      vocab: model.vocab,
      unk_token: unk,
      continuing_subword_prefix:
        check.optionalText(model.continuing_subword_prefix, 'model.continuing_subword_prefix') ?? '##',
      max_input_chars_per_word: check.count(
        model.max_input_chars_per_word ?? 100,
        'model.max_input_chars_per_word',
        1,
        MAX_WORD_CHARS,
      ),
    },
  };
}

function checkUnigram(check: Checker, model: JsonObject): CheckedModel {
  const vocab = check.list(model.vocab, 'model.vocab', MAX_TOKENS);
  if (vocab.length === 0) throw check.wrong('model.vocab', 'is empty');
  const ids = new Map<string, number>();
  vocab.forEach((entry, id) => {
    const part = `token ${id}`;
    const [token, score] = check.list(entry, part, 2);
    check.text(token, part, MAX_UNIGRAM_TOKEN_CHARS);
    if (typeof score !== 'number' || !Number.isFinite(score)) throw check.wrong(part, 'has no score');
    ids.set(token as string, id);
  });
  if (check.flag(model.byte_fallback, 'model.byte_fallback')) {
    throw check.unsupported('model.byte_fallback', 'is set on a Unigram model');
  }
  return {
    ids,
    model: { type: 'Unigram', vocab, unk_id: check.count(model.unk_id, 'model.unk_id', 0, vocab.length - 1) },
  };
}

/** Throws `tokenizer-file` or `tokenizer-unsupported`. */
export function checkModel(check: Checker, value: unknown): CheckedModel {
  const model = check.object(value, 'model');
  // Old files leave the type out; only BPE has merges.
  const type = model.type ?? (Array.isArray(model.merges) ? 'BPE' : undefined);
  switch (type) {
    case 'BPE':
      return checkBpe(check, model);
    case 'WordPiece':
      return checkWordPiece(check, model);
    case 'Unigram':
      return checkUnigram(check, model);
    default:
      throw check.unsupported('model', `has the type ${JSON.stringify(type)?.slice(0, 40)}`);
  }
}

/** Adds their ids to those of the vocabulary. Throws `tokenizer-file`. */
export function checkAddedTokens(
  check: Checker,
  value: unknown,
  ids: Map<string, number>,
): { added: JsonObject[]; special: Set<string> } {
  const special = new Set<string>();
  const added = check.list(value ?? [], 'added_tokens', MAX_ADDED_TOKENS).map((entry, index) => {
    const token = check.object(entry, `added token ${index}`);
    const content = check.text(token.content, `added token ${index}`);
    if (content === '') throw check.wrong(`added token ${index}`, 'is empty');
    const part = `added token ${JSON.stringify(content.slice(0, 40))}`;
    const isSpecial = check.flag(token.special, part);
    const id = check.id(token.id, part);
    ids.set(content, id);
    if (isSpecial) special.add(content);
    return {
      id,
      content,
      special: isSpecial,
      single_word: check.flag(token.single_word, part),
      lstrip: check.flag(token.lstrip, part),
      rstrip: check.flag(token.rstrip, part),
      normalized: token.normalized === undefined ? !isSpecial : check.flag(token.normalized, part),
    };
  });
  return { added, special };
}

/**
 * Encodes word by word, for tokenizers that split a text by patterns and then spell each word in bytes (GPT-2's kind: Llama 3, Qwen, SmolLM2).
 * A word's ids depend on the word alone, so they are remembered by the word as it stands in the text, and most words cost one look-up. The
 * library spells every byte of every word again first, which was two thirds of the time of importing a hundred thousand rows.
 */
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { isObject, type JsonObject } from '../json.ts';
import { stepsOf } from './spells-bytes.ts';
import { WordCache } from './tokenizer-cache.ts';

/** Longer words hardly occur twice. */
const MAX_CACHED_CHARS = 64;

type Ids = readonly (number | undefined)[];

interface Step {
  pre_tokenize_text(text: string, options: { section_index: number }): string[];
  /** The steps of a Sequence. */
  readonly tokenizers?: readonly Step[];
}

/** Internals of the library. */
interface Parts {
  readonly pre_tokenizer: Step | null;
  readonly model: {
    encode(words: readonly string[]): string[];
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    readonly unk_token_id: number | undefined;
  };
  readonly splitter_unnormalized: { split(text: string): string[] };
  readonly added_tokens_map: ReadonlyMap<string, { readonly id: number }>;
}

function flat(step: Step): Step[] {
  return step.tokenizers ? step.tokenizers.flatMap(flat) : [step];
}

/** Whether the only steps before the model are splits by patterns and then bytes, so that words are independent. */
function isByWords({ normalizer, pre_tokenizer, model, added_tokens }: JsonObject): boolean {
  const steps = stepsOf(pre_tokenizer, 'pretokenizers');
  const bytes = steps.at(-1);
  return (
    normalizer === null &&
    isObject(model) &&
    model.type === 'BPE' &&
    model.fuse_unk !== true &&
    bytes?.type === 'ByteLevel' &&
    bytes.use_regex === false &&
    bytes.add_prefix_space !== true &&
    steps.slice(0, -1).every(({ type }) => type === 'Split') &&
    Array.isArray(added_tokens) &&
    added_tokens.every((token) => isObject(token) && token.lstrip !== true && token.rstrip !== true)
  );
}

/**
 * Text → ids as the library's `encode` without special tokens gives them; undefined for a piece that the vocabulary cannot spell. Undefined for
 * tokenizers of another kind.
 *
 * @param json the checked tokenizer.json that the library was made of
 */
export function wordEncoder(library: Library, json: JsonObject): ((text: string) => Ids) | undefined {
  if (!isByWords(json)) return undefined;
  const { pre_tokenizer, model, splitter_unnormalized, added_tokens_map } = library as unknown as Parts;
  if (!pre_tokenizer) return undefined;
  const splits = flat(pre_tokenizer);
  const bytes = splits.pop();
  if (!bytes) return undefined;
  const options = { section_index: 0 };
  const cache = new WordCache<Ids>();

  const spell = (word: string): Ids => {
    const ids = model
      .encode(bytes.pre_tokenize_text(word, options))
      .map(
        (token) => added_tokens_map.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id,
      );
    if (word.length <= MAX_CACHED_CHARS) cache.put(word, ids);
    return ids;
  };
  const wordsOf = (section: string): string[] => {
    let words = [section];
    for (const split of splits) {
      const next: string[] = [];
      for (const word of words) for (const part of split.pre_tokenize_text(word, options)) next.push(part);
      words = next;
    }
    return words;
  };
  return (text) => {
    const ids: (number | undefined)[] = [];
    for (const section of splitter_unnormalized.split(text)) {
      const added = added_tokens_map.get(section);
      if (added) ids.push(added.id);
      else for (const word of wordsOf(section)) for (const id of cache.get(word) ?? spell(word)) ids.push(id);
    }
    return ids;
  };
}

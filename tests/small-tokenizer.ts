/** A tokenizer for the 160 rows of the small random models in tests/reference/families, which have none. */
export function smallTokenizer(): Record<string, string> {
  const characters = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at));
  const tokens = ['<s>', '</s>', ...characters, 'th'];
  const model = {
    ...{ type: 'BPE', unk_token: null, byte_fallback: false, merges: ['t h'] },
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
  };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const added_tokens = ['<s>', '</s>'].map((content, id) => ({ id, content, ...added }));
  return {
    'tokenizer.json': JSON.stringify({
      ...{ version: '1.0', added_tokens, normalizer: null, post_processor: null, model },
      ...{ pre_tokenizer: byteLevel, decoder: byteLevel },
    }),
    'tokenizer_config.json': JSON.stringify({ bos_token: '<s>', eos_token: '</s>', add_bos_token: true }),
  };
}

/** A model that answers certain last words with certain texts: a Llama whose layer adds nothing, so that its head looks the next token up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors, type TensorToWrite } from '../../src/weights/safetensors.ts';

const CHANNELS = 128;
/** A logit that leaves nothing to any other token at the usual temperatures. */
const CERTAIN = 20;

/**
 * Writes its folder.
 *
 * @param replies texts by the last words of a prompt. Each is one token, as are the last words
 * @param chatTemplate ends prompts with these words
 * @param positions tokens that it reads at most: a token of a text is a byte
 */
export function writePhraseModel(
  folder: string,
  replies: Readonly<Record<string, string>>,
  chatTemplate: string,
  positions = 1024,
): void {
  mkdirSync(folder, { recursive: true });
  // Bytes that are printed, and space and line feed as byte-level tokens.
  const characters = [...Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)), 'Ġ', 'Ċ'];
  const phrases = [...new Set(Object.entries(replies).flat())];
  const tokens = ['<s>', '</s>', ...characters, ...phrases];
  if (tokens.length > CHANNELS) throw new Error('Each token has a channel of its own: add channels');
  const idOf = (token: string): number => tokens.indexOf(token);

  const embeddings = new Float32Array(tokens.length * CHANNELS);
  tokens.forEach((_, id) => (embeddings[id * CHANNELS + id] = 1));
  const head = new Float32Array(tokens.length * CHANNELS);
  const follows = (before: number, next: number): void => void (head[next * CHANNELS + before] = CERTAIN);
  for (const [words, reply] of Object.entries(replies)) {
    follows(idOf(words), idOf(reply));
    follows(idOf(reply), idOf('</s>'));
  }
  const ones = new Float32Array(CHANNELS).fill(1);
  const square = new Float32Array(CHANNELS * CHANNELS);
  const tensor = (name: string, data: Float32Array<ArrayBuffer>): TensorToWrite => ({
    ...{ name, dtype: 'F32', data },
    shape: data.length === CHANNELS ? [CHANNELS] : [data.length / CHANNELS, CHANNELS],
  });
  const layer = (name: string): string => `model.layers.0.${name}.weight`;
  const matrices = ['q', 'k', 'v', 'o'].map((name) => layer(`self_attn.${name}_proj`));
  matrices.push(...['gate', 'up', 'down'].map((name) => layer(`mlp.${name}_proj`)));
  const tensors = [
    tensor('model.embed_tokens.weight', embeddings),
    tensor('lm_head.weight', head),
    ...matrices.map((name) => tensor(name, square)),
    ...[layer('input_layernorm'), layer('post_attention_layernorm'), 'model.norm.weight'].map((name) =>
      tensor(name, ones),
    ),
  ];
  writeFileSync(join(folder, 'model.safetensors'), Buffer.concat(writeSafetensors(tensors)));

  const write = (name: string, value: object): void =>
    writeFileSync(join(folder, name), JSON.stringify(value));
  write('config.json', {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', rms_norm_eps: 1e-6 },
    ...{
      hidden_size: CHANNELS,
      intermediate_size: CHANNELS,
      num_hidden_layers: 1,
      vocab_size: tokens.length,
    },
    ...{
      num_attention_heads: 2,
      num_key_value_heads: 2,
      max_position_embeddings: positions,
      rope_theta: 10000,
    },
    ...{ bos_token_id: 0, eos_token_id: 1, tie_word_embeddings: false },
  });
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  write('tokenizer.json', {
    ...{ version: '1.0', normalizer: null, post_processor: null },
    ...{ pre_tokenizer: byteLevel, decoder: byteLevel },
    model: {
      ...{ type: 'BPE', unk_token: null, byte_fallback: false, merges: [] },
      vocab: Object.fromEntries(
        tokens.slice(0, tokens.length - phrases.length).map((token, id) => [token, id]),
      ),
    },
    added_tokens: ['<s>', '</s>', ...phrases].map((content, at) => ({
      ...{ id: idOf(content), content, special: at < 2, ...added },
    })),
  });
  write('tokenizer_config.json', {
    ...{ bos_token: '<s>', eos_token: '</s>', add_bos_token: true },
    chat_template: chatTemplate,
  });
}

import { describe, expect, it } from 'vitest';
import { checkWeights } from '../../../src/model/base-weights.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { modelFolder } from '../../../src/weights/folder.ts';
import { graftError } from '../expect-graft-error.ts';
import { ggufFile } from './gguf-file.ts';

const CHANNELS = 8;
const MATRICES = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
const NORMS: Readonly<Record<string, readonly string[]>> = {
  llama: ['attn_norm', 'ffn_norm'],
  granite: ['attn_norm', 'ffn_norm'],
  smollm3: ['attn_norm', 'ffn_norm'],
  qwen3: ['attn_norm', 'ffn_norm', 'attn_q_norm', 'attn_k_norm'],
  olmo2: ['post_attention_norm', 'post_ffw_norm', 'attn_q_norm', 'attn_k_norm'],
  gemma3: ['attn_norm', 'ffn_norm', 'post_attention_norm', 'post_ffw_norm', 'attn_q_norm', 'attn_k_norm'],
};
/** Norms of one head. */
const OF_A_HEAD = ['qwen3', 'gemma3'];

/** Checks a file of one layer, two heads of four, with biases of these. */
async function check(architecture: string, biases: readonly string[], window = 0): Promise<unknown> {
  const key = (name: string): string => `${architecture}.${name}`;
  const tensor = (name: string, shape: readonly number[]): object => ({
    name,
    shape,
    type: 0,
    data: new Uint8Array(4 * shape.reduce((a, b) => a * b)),
  });
  const size = (norm: string): number =>
    /_[qk]_norm$/.test(norm) && OF_A_HEAD.includes(architecture) ? CHANNELS / 2 : CHANNELS;
  const bytes = ggufFile({
    metadata: {
      'general.architecture': { text: architecture },
      [key('context_length')]: { u32: 16 },
      [key('embedding_length')]: { u32: CHANNELS },
      [key('block_count')]: { u32: 1 },
      [key('feed_forward_length')]: { u32: CHANNELS },
      [key('attention.head_count')]: { u32: 2 },
      [key('attention.layer_norm_rms_epsilon')]: { f32: 1e-6 },
      ...(architecture === 'gemma3' || window
        ? { [key('attention.sliding_window')]: { u32: window || 8 } }
        : {}),
    },
    tensors: [
      tensor('token_embd.weight', [8, CHANNELS]),
      tensor('output_norm.weight', [CHANNELS]),
      ...MATRICES.map((name) => tensor(`blk.0.${name}.weight`, [CHANNELS, CHANNELS])),
      ...NORMS[architecture].map((name) => tensor(`blk.0.${name}.weight`, [size(name)])),
      ...biases.map((name) => tensor(`blk.0.${name}.bias`, [CHANNELS])),
    ] as never,
  });
  const files = await modelFolder(memoryFiles({ 'm.gguf': bytes }));
  const definition = await readModel(files);
  checkWeights(definition, await openModelWeights(files, definition));
  return definition.weights.filter(({ name }) => name.endsWith('.bias')).map(({ name }) => name);
}

const ATTENTION = MATRICES.slice(0, 4);

describe('biases in a GGUF file', () => {
  it.each(Object.keys(NORMS))('are not required in %s', async (architecture) => {
    expect(await check(architecture, [])).toEqual([]);
  });

  it.each(Object.keys(NORMS))('are read in the attention of %s', async (architecture) => {
    expect(await check(architecture, ATTENTION)).toHaveLength(4);
  });

  it.each(['llama', 'granite', 'smollm3'])('are read in all layers of %s', async (architecture) => {
    expect(await check(architecture, MATRICES)).toHaveLength(7);
    expect(await check(architecture, MATRICES.slice(4))).toHaveLength(3);
  });

  it.each(['qwen3', 'olmo2', 'gemma3'])('are refused where %s has none', async (architecture) => {
    const error = await graftError(() => check(architecture, MATRICES.slice(4)), 'weights-unknown');
    expect(error.what).toContain('mlp.gate_proj.bias');
  });

  it('are refused in a norm, and in Mistral', async () => {
    await graftError(() => check('llama', ['attn_norm']), 'weights-unknown');
    await graftError(() => check('llama', ATTENTION, 4), 'weights-unknown');
  });

  it('are missed where there is only one', async () => {
    await graftError(() => check('llama', ['attn_k']), 'weights-tensor');
  });
});

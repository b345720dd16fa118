/** Types of tensors as llama.cpp's quantiser chooses them. */
import { expect, test } from 'vitest';
import { tensorType, type GgufType } from '../../../src/export/gguf/types.ts';

const whole = { layers: 32, hasHead: true };
const typeOf = (type: GgufType, name: string, width = 4096, more = whole): string =>
  tensorType(type, { name: `${name}.weight`, shape: [256, width] }, more);

test('the M mixtures give values and down projections more bits in half of the layers', () => {
  const layers = (type: GgufType, stem: string): number[] =>
    Array.from({ length: 32 }, (_, layer) => layer).filter(
      (layer) => typeOf(type, `blk.${layer}.${stem}`) === 'Q6_K',
    );
  const more = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31];
  for (const type of ['q4_k_m', 'q5_k_m'] as const)
    for (const stem of ['attn_v', 'ffn_down']) expect(layers(type, stem), `${type} ${stem}`).toEqual(more);
  expect(layers('q4_k_m', 'attn_q')).toEqual([]);
  expect(typeOf('q4_k_m', 'blk.4.attn_v')).toBe('Q4_K');
  expect(typeOf('q5_k_m', 'blk.4.attn_v')).toBe('Q5_K');
  expect(typeOf('q4_k_s', 'blk.0.ffn_down')).toBe('Q5_K');
  expect(typeOf('q4_k_m', 'blk.0.attn_qkv')).toBe('Q5_K');
});

test('the head has six bits or eight, and so has an embedding that is the head', () => {
  expect(typeOf('q4_0', 'output')).toBe('Q6_K');
  expect(typeOf('q8_0', 'output')).toBe('Q8_0');
  expect(typeOf('q4_k_m', 'token_embd')).toBe('Q4_K');
  expect(typeOf('q4_k_m', 'token_embd', 4096, { ...whole, hasHead: false })).toBe('Q6_K');
});

test('rows that are not whole blocks get a type with smaller blocks', () => {
  expect(['q4_k_m', 'q5_k_m', 'q6_k'].map((type) => typeOf(type as GgufType, 'blk.4.attn_q', 576))).toEqual([
    'Q5_0',
    'Q5_1',
    'Q8_0',
  ]);
  expect(typeOf('q4_k_m', 'blk.4.attn_q', 172)).toBe('F16');
  expect(typeOf('q4_k_m', 'output', 576)).toBe('Q8_0');
});

test('vectors and tables of positions stay f32', () => {
  const shape = [4096];
  expect(tensorType('q4_0', { name: 'blk.0.attn_norm.weight', shape }, whole)).toBe('F32');
  expect(tensorType('f16', { name: 'blk.0.attn_q.bias', shape }, whole)).toBe('F32');
  expect(typeOf('f16', 'position_embd')).toBe('F32');
  expect(typeOf('f16', 'blk.0.attn_q')).toBe('F16');
});

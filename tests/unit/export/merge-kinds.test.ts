/** Merging single weights: numbers computed by hand. Rows of a weight are outputs; a folder may have it transposed. */
import { expect, test } from 'vitest';
import type { AdapterModule, AdapterTensors } from '../../../src/adapters/kind.ts';
import { tensorNames } from '../../../src/adapters/lora/config.ts';
import { magnitudeName } from '../../../src/adapters/dora/dora.ts';
import { vectorName } from '../../../src/adapters/ia3/ia3.ts';
import { kindOf } from '../../../src/adapters/registry.ts';

const PATH = 'model.layers.0.self_attn.q_proj';
const LAYER = { path: PATH, inputs: 3, outputs: 2 };
/** A [1, 3] and B [2, 1]: with a scale of ½, s · B · A is [[1.5, 0, 3], [−0.5, 0, −1]]. */
const LORA = {
  [tensorNames(PATH).a]: [1, 0, 2],
  [tensorNames(PATH).b]: [3, -1],
};

/** The weight [2, 3], or bias [2], merged as it lies; and the weight merged in a folder that has it transposed. */
function merged(
  module: AdapterModule & Record<string, unknown>,
  numbers: Readonly<Record<string, readonly number[]>>,
  before: readonly number[],
  part: 'weight' | 'bias' = 'weight',
): number[][] {
  const tensors: AdapterTensors = new Map(
    Object.entries(numbers).map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const merge = (values: readonly number[], transposed: boolean): number[] => {
    const changed = Float32Array.from(values);
    kindOf(module).merge!({ part, values: changed, transposed }, module, tensors);
    return [...changed];
  };
  if (part === 'bias') return [merge(before, false), merge(before, true)];
  const [a, b, c, d, e, f] = before;
  const [A, D, B, E, C, F] = merge([a, d, b, e, c, f], true);
  return [merge(before, false), [A, B, C, D, E, F]];
}

test('LoRA adds s · B · A', () => {
  const module = { ...LAYER, rank: 1, scale: 0.5 };
  const expected = [2.5, 2, 6, 3.5, 5, 5];
  expect(merged(module, LORA, [1, 2, 3, 4, 5, 6])).toEqual([expected, expected]);
});

test('LoRA of a rank above 1 adds each of its products', () => {
  const module = { ...LAYER, rank: 2, scale: 2 };
  // B [2, 2] · A [2, 3] = [[1 + 4, 2, 3 + 8], [3 − 4, 6, 9 − 8]], twice.
  const numbers = {
    [tensorNames(PATH).a]: [1, 2, 3, 4, 0, 8],
    [tensorNames(PATH).b]: [1, 1, 3, -1],
  };
  const expected = [10, 4, 22, -2, 12, 2];
  expect(merged(module, numbers, [0, 0, 0, 0, 0, 0])).toEqual([expected, expected]);
});

test('DoRA gives each row of W + s · B · A the length that it learned', () => {
  const module = { ...LAYER, kind: 'dora', rank: 1, scale: 0.5 };
  // W + s · B · A = [[3, 0, 4], [0, 5, 12]]: rows of 5 and 13, which become 10 and 26.
  const before = [1.5, 0, 1, 0.5, 5, 13];
  const expected = [6, 0, 8, 0, 10, 24];
  expect(merged(module, { ...LORA, [magnitudeName(PATH)]: [10, 26] }, before)).toEqual([expected, expected]);
});

test('IA3 multiplies the rows and the bias of a layer whose outputs it scales', () => {
  const module = { ...LAYER, kind: 'ia3', feedforward: false };
  const numbers = { [vectorName(PATH)]: [2, -1] };
  const expected = [2, 4, 6, -4, -5, -6];
  expect(merged(module, numbers, [1, 2, 3, 4, 5, 6])).toEqual([expected, expected]);
  expect(merged(module, numbers, [7, 8], 'bias')).toEqual([
    [14, -8],
    [14, -8],
  ]);
  expect(kindOf(module).mergedParts!(module)).toEqual(['weight', 'bias']);
});

test('IA3 multiplies the columns of a layer whose inputs it scales, and leaves its bias', () => {
  const module = { ...LAYER, kind: 'ia3', feedforward: true };
  const expected = [1, 4, 9, 4, 10, 18];
  expect(merged(module, { [vectorName(PATH)]: [1, 2, 3] }, [1, 2, 3, 4, 5, 6])).toEqual([expected, expected]);
  expect(kindOf(module).mergedParts!(module)).toEqual(['weight']);
});

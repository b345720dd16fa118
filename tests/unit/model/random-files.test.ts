/** An artificial folder is read like any other: every weight, in its shape, with the same numbers each time. */
import { expect, test } from 'vitest';
import { BENCH_MODELS } from '../../../src/cli/bench-models.ts';
import { checkWeights } from '../../../src/model/base-weights.ts';
import { readModel } from '../../../src/model/family.ts';
import { openModelWeights } from '../../../src/model/folder-layout.ts';
import { randomFiles } from '../../../src/model/random-files.ts';

test.each(Object.entries(BENCH_MODELS))('%s with random weights', async (name, config) => {
  const files = randomFiles(name, config);
  const definition = await readModel(files);
  const source = await openModelWeights(files, definition);
  checkWeights(definition, source);

  const norm = source.get('model.layers.3.input_layernorm.weight')!;
  const { channels } = definition.shape;
  expect([...new Float32Array((await norm.read()).buffer)]).toEqual(Array(channels).fill(1));

  const matrix = source.get('model.layers.29.mlp.down_proj.weight')!;
  const whole = new Float32Array((await matrix.read()).slice().buffer);
  expect(whole).toHaveLength(channels * 1536);
  const mean = whole.reduce((sum, value) => sum + value, 0) / whole.length;
  const spread = Math.sqrt(whole.reduce((sum, value) => sum + value * value, 0) / whole.length);
  expect(Math.abs(mean)).toBeLessThan(1e-3);
  expect(spread).toBeCloseTo(0.05 / Math.sqrt(3), 3);
  // A part of it holds the same numbers, and no row is another one.
  const rows = new Float32Array((await matrix.readRange(4 * 1536, 4 * 3 * 1536)).slice().buffer);
  expect(rows).toEqual(whole.slice(1536, 3 * 1536));
  expect(rows.slice(0, 1536)).not.toEqual(rows.slice(1536));
});

test('SmolLM2-135M has as many weights as its name says', async () => {
  const { weights, shape } = await readModel(randomFiles('SmolLM2-135M', BENCH_MODELS['SmolLM2-135M']));
  const count = weights.reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
  expect(count).toBe(134_515_008);
  expect(shape).toMatchObject({ layers: 30, heads: 9, kvHeads: 3, headSize: 64, vocabulary: 49_152 });
});

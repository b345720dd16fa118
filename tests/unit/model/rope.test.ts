/** Rotary frequencies against those of transformers: tests/fixtures/rope.py made them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ConfigReader } from '../../../src/model/config.ts';
import { inverseFrequencies, readRope } from '../../../src/model/rope.ts';

const { head, maxPositions, cases } = JSON.parse(
  readFileSync(new URL('../../fixtures/rope.json', import.meta.url), 'utf8'),
) as {
  head: number;
  maxPositions: number;
  cases: { parameters: { rope_type: string }; frequencies: number[]; scaling: number }[];
};

test.each(cases.map((each) => [each.parameters.rope_type, each] as const))(
  'frequencies of %s are those of transformers',
  (_, { parameters, frequencies, scaling }) => {
    const config = new ConfigReader(
      { rope_parameters: parameters, max_position_embeddings: maxPositions },
      'm/config.json',
    );
    const rope = readRope(config, head);
    expect(rope.attentionScaling).toBeCloseTo(scaling, 12);
    const ours = inverseFrequencies(rope);
    expect(ours).toHaveLength(frequencies.length);
    // Both are made in f32, by powers that round differently.
    frequencies.forEach((frequency, pair) => expect(Math.abs(ours[pair] / frequency - 1)).toBeLessThan(1e-6));
  },
);

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaAsLora, evaConfig, withRank } from '../../../src/adapters/eva/config.ts';
import { mostRank, sharedRanks } from '../../../src/adapters/eva/ranks.ts';
import type { LoraModule } from '../../../src/adapters/lora/config.ts';
import { specOf } from '../../../src/settings/spec.ts';

const told = JSON.parse(readFileSync(new URL('../../reference/peft/eva.json', import.meta.url), 'utf8')) as {
  ratios: Record<string, number[]>;
  ranks: Record<string, number>;
  rank: number;
};

describe('EVA', () => {
  it('gives ranks as PEFT does by the same ratios', () => {
    const sharing = (path: string): string[] =>
      path.endsWith('q_proj')
        ? ['q_proj', 'k_proj', 'v_proj'].map((name) => path.replace('q_proj', name))
        : path.endsWith('gate_proj')
          ? [path, path.replace('gate_proj', 'up_proj')]
          : [path];
    const inputs = Object.entries(told.ratios).map(([path, ratios]) => ({ paths: sharing(path), ratios }));
    const layers = inputs.flatMap(({ paths }) => paths).length;
    // PEFT leaves a layer without a rank out.
    const ranks = [...sharedRanks(inputs, told.rank * layers)].filter(([, rank]) => rank > 0);
    expect(Object.fromEntries(ranks)).toEqual(told.ranks);
  });

  it('may give a layer no rank; the first layer of an input has the highest', () => {
    const inputs = [
      { paths: ['a', 'b'], ratios: [0.4, 0.3] },
      { paths: ['c'], ratios: [0.1, 0.05] },
    ];
    expect(sharedRanks(inputs, 3)).toEqual(
      new Map([
        ['a', 2],
        ['c', 0],
        ['b', 1],
      ]),
    );
  });

  it('rounds the largest rank as Python does', () => {
    expect([1, 3, 5].map((rank) => mostRank(rank, 1.5, 100))).toEqual([2, 4, 8]);
    expect(mostRank(8, 2, 12)).toBe(12);
  });

  it.each([
    [{}, 16, 2],
    [{ evaAdjustScaling: false }, 8, 1],
    [{ rsLora: true }, 16, 16 / Math.sqrt(8)],
  ])('a layer of another rank under %j', (changes, alpha, scale) => {
    const options = specOf({ method: 'eva', rank: 4, alpha: 8, ...changes });
    const config = evaConfig(options);
    const layer: LoraModule = { path: 'a.q_proj', inputs: 16, outputs: 16, rank: 4, scale: 2 };
    const module = withRank(layer, config, 8);
    expect([module.rank, module.scale]).toEqual([8, scale]);
    const kept = evaAsLora(config, [module, { ...layer, path: 'a.v_proj' }]);
    expect(kept.rankPattern).toEqual({ 'a.q_proj': 8 });
    expect(kept.alphaPattern).toEqual(alpha === 8 ? {} : { 'a.q_proj': alpha });
    expect(Object.keys(kept).filter((name) => name.startsWith('eva') || name === 'kind')).toEqual([]);
  });
});

/** What a run becomes in the configuration of another program, and what is refused. */
import { describe, expect, it } from 'vitest';
import { axolotlNotes } from '../../../src/runs/graduate/axolotl.ts';
import { differences } from '../../../src/runs/graduate/counterparts.ts';
import type { GraduatedRun } from '../../../src/runs/graduate/graduated-run.ts';
import { GRADUATE_FORMATS } from '../../../src/runs/graduate/registry.ts';
import {
  conversationOf,
  evaluations,
  rateLeft,
  restSteps,
  scheduleName,
} from '../../../src/runs/graduate/rest-of-run.ts';
import { writeYaml } from '../../../src/runs/graduate/yaml.ts';
import type { Given } from '../../../src/settings/setting.ts';
import { specOf } from '../../../src/settings/spec.ts';
import { graftError } from '../expect-graft-error.ts';

const formatOf = (name: string): (typeof GRADUATE_FORMATS)[number] =>
  GRADUATE_FORMATS.find((one) => one.name === name)!;

describe('a setting without a counterpart', () => {
  it.each<[string, Given, RegExp]>([
    ['trl', { objective: 'orpo' }, /objective is orpo .* only sft, dpo/],
    ['trl', { objective: 'contrastive' }, /objective is contrastive/],
    ['trl', { objective: 'dpo', labelSmoothing: 0.1 }, /--label-smoothing 0.1/],
    ['trl', { method: 'pissa' }, /PiSSA adapters \(--method pissa\)/],
    [
      'trl',
      { method: 'full', objective: 'dpo' },
      /the weights of the model \(--method full\) with the objective dpo/,
    ],
    [
      'trl',
      { objective: 'grpo', rewards: [{ name: 'regex', pattern: 'a' }] },
      /reward regex has no counterpart in Python/,
    ],
    ['trl', { objective: 'grpo', numIterations: 2 }, /--num-iterations/],
    ['axolotl', { method: 'full' }, /the weights of the model \(--method full\)/],
    ['trl', { optimiser: 'lion' }, /Lion \(--optimiser lion\)/],
    ['trl', { addTokens: ['<a>'] }, /--add-tokens/],
    ['trl', { modulesToSave: 'lm_head' }, /trains lm_head in full/],
    ['axolotl', { objective: 'dpo' }, /objective is dpo .* only sft/],
    ['llama-factory', { objective: 'apo-zero' }, /objective is apo-zero/],
    ['llama-factory', { objective: 'dpo', reference: 'start' }, /--reference start/],
    ['llama-factory', { objective: 'dpo', labelSmoothing: 0.2 }, /--label-smoothing 0.2/],
  ])('is refused by its name for %s: %j', async (format, given, what) => {
    const error = await graftError(() => formatOf(format).check(specOf(given)), 'graduate');
    expect(error.what).toMatch(what);
    expect(error.remedy).not.toBe('');
  });

  it('leaves what has one', () => {
    for (const objective of ['sft', 'dpo', 'ipo', 'hinge', 'kto'])
      for (const method of ['lora', 'dora']) {
        formatOf('trl').check(specOf({ objective, method }));
        formatOf('llama-factory').check(specOf({ objective, method }));
      }
    formatOf('trl').check(specOf({ method: 'full' }));
    formatOf('trl').check(specOf({ objective: 'grpo', rewards: [{ name: 'exact-match' }] }));
    formatOf('axolotl').check(specOf({}));
  });
});

it('says what axolotl does by itself', () => {
  const warmups = [0, 1, 2].map((warmup) => axolotlNotes({ warmup }).join(' '));
  expect(warmups.map((text) => text.includes('two steps long'))).toEqual([false, true, false]);
  expect(warmups[0]).toContain('lora_mlp_kernel: false');
});

it('says what continues with other numbers', () => {
  expect(differences(specOf({}))).toEqual([]);
  expect(differences(specOf({ dropout: 0.1, baseWeights: 'nf4', precision: 'f16' }))).toEqual([
    expect.stringContaining('Dropout (0.1)'),
    expect.stringContaining('nf4'),
    expect.stringContaining('f16'),
  ]);
});

describe('the rest of a run', () => {
  const run = (given: Given, step: number, steps: number): GraduatedRun =>
    ({
      spec: specOf({ batch: 4, accumulate: 2, lr: 1e-3, warmup: 2, ...given }),
      state: { counters: { step } },
      ...{ steps, rows: { train: { length: 20 } } },
    }) as unknown as GraduatedRun;

  it('has the steps that are left, or those that take all rows once more', () => {
    expect(restSteps(run({}, 10, 30))).toBe(20);
    expect(restSteps(run({}, 30, 30))).toBe(3);
  });

  it('starts at the rate of the next step', () => {
    expect(rateLeft(run({ schedule: 'linear' }, 12, 22))).toBeCloseTo(0.5e-3, 12);
    expect(rateLeft(run({ schedule: 'linear' }, 1, 22))).toBe(1e-3);
    expect(rateLeft(run({ schedule: 'linear' }, 22, 22))).toBe(1e-3);
  });

  it('warms up and is measured as the run was, by the names that transformers has', () => {
    expect(scheduleName(specOf({ schedule: 'constant', warmup: 2 }))).toBe('constant_with_warmup');
    expect(scheduleName(specOf({ schedule: 'constant', warmup: 0 }))).toBe('constant');
    expect(scheduleName(specOf({ schedule: 'cosine', warmup: 2 }))).toBe('cosine');
    const measured = (evalEvery: number, validation: number): unknown =>
      evaluations({
        ...run({ evalEvery }, 1, 9),
        rows: { validation: { length: validation } },
      } as GraduatedRun);
    expect(measured(5, 8)).toEqual({ eval_strategy: 'steps', eval_steps: 5 });
    expect([measured(5, 0), measured(0, 8)]).toEqual([undefined, undefined]);
  });

  it('is made of conversations, and refuses rows that are none', async () => {
    expect(conversationOf({ kind: 'completion', prompt: 'a', completion: 'b' }, 'X')).toEqual([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ]);
    const context = { role: 'assistant', content: 'b', supervised: false } as const;
    for (const [example, what] of [
      [{ kind: 'text', text: 'a' }, /plain text/],
      [{ kind: 'tokens', ids: [1], labels: [-100] }, /tokens/],
      [undefined, /too large/],
      [{ kind: 'messages', messages: [context] }, /only context/],
    ] as const)
      expect((await graftError(() => conversationOf(example, 'X'), 'graduate')).what).toMatch(what);
  });
});

describe('YAML', () => {
  it('keeps maps, lists and scalars, and leaves out what has no value', () => {
    const text = writeYaml({
      ...{ word: 'cosine', path: './out', none: null, yes: true, small: 1e-7, tiny: 1.5e-8, gone: undefined },
      list: [{ path: 'a b.jsonl', type: null }, 'x'],
      ...{ map: { deep: { no: 'no', number: '1' } }, empty: [] },
    });
    expect(text).toBe(
      [
        ...[
          'word: cosine',
          'path: ./out',
          'none: null',
          'yes: true',
          'small: 1.0e-7',
          'tiny: 1.5e-8',
          'list:',
        ],
        ...['  - path: "a b.jsonl"', '    type: null', '  - x', 'map:', '  deep:', '    no: "no"'],
        ...['    number: "1"', 'empty: []', ''],
      ].join('\n'),
    );
  });
});

/** The table of settings: every setting is complete, and a new contribution adds its own without touching it. */
import { describe, expect, test } from 'vitest';
import { nameOfTerm, NAMES } from '../../../src/app/guide/names.ts';
import { METHODS, REGISTRY } from '../../../src/settings/registry.ts';
import type { Contribution, Given, Setting } from '../../../src/settings/setting.ts';
import { asSaved, makeTable, settingOf, TABLE } from '../../../src/settings/table.ts';
import { allowed, isAllowed } from '../../../src/settings/values.ts';
import { specOf } from '../../../src/settings/spec.ts';
import { earlierOptions } from '../../../src/runs/earlier-runs.ts';

describe.each(TABLE.settings.map((setting) => [setting.name, setting] as const))('%s', (_, setting) => {
  test('says in one sentence what it is', () => {
    expect(setting.help).toMatch(/^[A-Z].*[^.]\.$/);
    expect(setting.help).not.toMatch(/[a-z]\. [A-Z]/);
    expect(setting.label).not.toBe('');
    if (setting.more !== undefined) expect(setting.more).toMatch(/\.$/);
  });

  test('has its word in the guide, where the form shows it', () => {
    if (setting.group) expect(setting.term, setting.name).toBeDefined();
    if (setting.term) {
      expect(Object.hasOwn(NAMES, setting.term.id), setting.term.id).toBe(true);
      expect(nameOfTerm(setting.term.id)).toBe(setting.term.name);
    }
  });

  test('has a valid default, for every method', () => {
    for (const { name: method } of METHODS) {
      const value = TABLE.resolve({ method })[setting.name];
      // An empty value means no file and no template.
      if (value === undefined)
        expect(setting.part === 'rows' || setting.defaultText !== undefined).toBe(true);
      else expect(isAllowed(setting, value), `${JSON.stringify(value)}: ${allowed(setting)}`).toBe(true);
    }
  });

  test('rejects values of another type', () => {
    for (const value of [
      null,
      undefined,
      NaN,
      Infinity,
      [],
      [1],
      {},
      { 'a b': 1 },
      'no such choice',
      true,
      1.5,
    ]) {
      const kinds: Record<Setting['type'], boolean> = {
        integer: false,
        number: value === 1.5,
        switch: value === true,
        choice: false,
        text: typeof value === 'string' && setting.type === 'text' && value.length <= setting.longest,
        // None of them, where that is what holds without a choice.
        names: JSON.stringify(value) === '[]' && JSON.stringify(setting.default) === '[]',
        numbers: Array.isArray(value),
        pattern: JSON.stringify(value) === '{}',
        rewards: false,
      };
      if (value !== 1.5) expect(isAllowed(setting, value), JSON.stringify(value)).toBe(kinds[setting.type]);
    }
  });
});

test('numbers are within their limits, and errors name the limits', () => {
  const cases: [Parameters<typeof settingOf>[0], number[], number[], string][] = [
    ['rank', [1, 300, 1024], [0, 1.5, 1025], 'a whole number from 1 to 1024'],
    ['lr', [1e-9, 10], [0, -1, 11], 'a number above 0, at most 10'],
    ['dropout', [0, 0.99], [1, -0.1], 'a number from 0 to below 1 (0 for none)'],
    ['steps', [1, 1e9], [0, 1.5], 'a whole number of at least 1'],
  ];
  for (const [name, good, bad, words] of cases) {
    expect(allowed(settingOf(name))).toBe(words);
    for (const value of good) expect(isAllowed(settingOf(name), value), `${name} ${value}`).toBe(true);
    for (const value of bad) expect(isAllowed(settingOf(name), value), `${name} ${value}`).toBe(false);
  }
});

test('a run that was saved before has the same settings, in the same order', () => {
  // The form of `graft train` in the fingerprint of a run before there was a table.
  const saved =
    '{"method":"lora","epochs":3,"batch":8,"accumulate":1,"maxLength":512,"lr":0.001,"schedule":"cosine","warmup":5,"weightDecay":0,"clip":1,' +
    '"lora":{"rank":8,"alpha":16,"dropout":0,"rsLora":false,"targets":["all-linear"],"rankPattern":{},"alphaPattern":{}},"rateRatio":1,"seed":42,' +
    '"packing":false,"shuffle":true,"evalEvery":0,"patience":0,"checkpointing":false}';
  const earlier = (given: Given): string => JSON.stringify(earlierOptions(specOf(asSaved(given))));
  expect(earlier({})).toBe(saved);
  expect(earlier({ method: 'full' })).toBe(
    saved.replace('"lora"', '"full"').replace('"lr":0.001', '"lr":0.0000625'),
  );
  expect(earlier({ steps: 30, rank: 4 })).toBe(
    saved
      .replace('"epochs"', '"steps":30,"epochs"')
      .replace('"warmup":5', '"warmup":3')
      .replace('"rank":8,"alpha":16', '"rank":4,"alpha":8'),
  );
});

test.each([
  [{ method: 'full', objective: 'dpo' }, 6.25e-6],
  [{ method: 'full', objective: 'kto' }, 6.25e-6],
  [{ method: 'full', objective: 'orpo' }, 6.25e-5],
  [{ method: 'full', objective: 'simpo' }, 1.875e-5],
  [{ method: 'full', objective: 'grpo' }, 3.125e-5],
  [{ method: 'ia3', objective: 'dpo' }, 1e-3],
  // Norms and biases bear the rate of an adapter of such vectors.
  [{ method: 'full', trainWeights: 'norms' }, 1e-2],
  [{ objective: 'dpo', optimiser: 'lion' }, 2e-5],
  [{ objective: 'dpo', method: 'full', optimiser: 'sgd' }, 3.125e-4],
])('rates of %o are each a part of the usual one, and are taken together', (given, lr) => {
  expect(specOf(given).lr).toBe(lr);
  // One that is asked for is taken as it is.
  expect(specOf({ ...given, lr: 0.2 }).lr).toBe(0.2);
});

test('another optimiser is a line in the registry: the choice of it, and its settings, are there', () => {
  const friction = {
    name: 'friction',
    part: 'run',
    type: 'number',
    min: 0,
    below: 1,
    flag: 'friction',
    group: 'Rate',
    label: 'Friction',
    help: 'The share of the last step that goes into the next.',
    default: 0.9,
  } as const satisfies Setting;
  const slow = {
    name: 'slow',
    label: 'Slow',
    help: 'Steps against the gradient.',
    settings: [friction],
    rate: 100,
  } as const satisfies Contribution;
  const table = makeTable({ ...REGISTRY, optimisers: [REGISTRY.optimisers[0], slow] });
  expect(makeTable({ ...REGISTRY, optimisers: [slow] }).find('optimiser')).toBeUndefined();
  expect(table.find('optimiser')).toMatchObject({
    type: 'choice',
    choices: ['adamw', 'slow'],
    default: 'adamw',
  });
  expect(table.ownerLabels(friction)).toBe('Slow');
  expect(table.applies(friction, {})).toBe(false);
  expect(table.applies(friction, { optimiser: 'slow' })).toBe(true);
  expect(table.applies(settingOf('weightDecay'), { optimiser: 'slow' })).toBe(false);
  expect(table.resolve({ optimiser: 'slow' })).toMatchObject({ friction: 0.9, lr: 0.1 });
  expect(table.resolve({ optimiser: 'slow', lr: 0.2 })).toMatchObject({ lr: 0.2 });
});

/** Numbers of settings: lists as people write them, and limits in words. */
import { expect, test } from 'vitest';
import { Flags } from '../../../src/cli/flags.ts';
import { flagText, readNumbers } from '../../../src/settings/flag-text.ts';
import type { NumberSetting, Range } from '../../../src/settings/setting.ts';
import { settingOf, TABLE } from '../../../src/settings/table.ts';
import { allowed, isAllowed, limited } from '../../../src/settings/values.ts';

const LAYERS = settingOf('layersToTransform');

test.each<[string, readonly number[]]>([
  ['', []],
  ['3', [3]],
  ['0-3, 5', [0, 1, 2, 3, 5]],
  [' 2 - 2 ', [2]],
  ['7,1', [7, 1]],
])('%j', (text, numbers) => {
  expect(readNumbers(text)).toEqual(numbers);
  expect(isAllowed(LAYERS, numbers)).toBe(true);
  expect(readNumbers(String(flagText(LAYERS, numbers)))).toEqual(numbers);
});

test.each(['a', '1,', '3-1', '-1', '1.5', '0-99999999', '1;2'])('%j is none', (text) => {
  expect(isAllowed(LAYERS, readNumbers(text))).toBe(false);
  expect(() =>
    new Flags({ layers: { value: 'N', help: '' } }, [`--layers=${text}`]).numbers('layers'),
  ).toThrow('expected whole numbers such as 0-3,5');
});

test('none occurs twice, and the error names the allowed values', () => {
  expect(isAllowed(LAYERS, [1, 1])).toBe(false);
  expect(allowed(LAYERS)).toBe('different numbers such as 0-3, 5, each a whole number of at least 0');
});

const value = { name: 'x', part: 'run', label: 'X', help: '', type: 'number' } as const;
test.each<[Range, string]>([
  [{}, 'a number'],
  [{ min: 0 }, 'a number of at least 0'],
  [{ min: 0, max: 1 }, 'a number from 0 to 1'],
  [{ above: 0 }, 'a number above 0'],
  [{ above: 0, max: 1 }, 'a number above 0, at most 1'],
  [{ above: 0, below: 1 }, 'a number above 0, below 1'],
  [{ min: 0, below: 1 }, 'a number from 0 to below 1'],
])('limits %j in words', (range, words) => expect(allowed({ ...value, ...range })).toBe(words));

test('the words for every number say whether its limits are allowed', () => {
  const ranged = TABLE.settings.filter(
    (setting): setting is NumberSetting => setting.type === 'integer' || setting.type === 'number',
  );
  expect(ranged.length).toBeGreaterThan(30);
  for (const setting of ranged) {
    const words = allowed(setting);
    for (const [limit, pattern] of [
      [setting.min ?? setting.above, /(from|at least) /],
      [setting.max ?? setting.below, /(to|at most) (?!below)/],
    ] as const)
      if (limit !== undefined)
        expect([setting.name, new RegExp(`${pattern.source}${limit}\\b`).test(words)]).toEqual([
          setting.name,
          isAllowed(setting, limit),
        ]);
  }
});

test('a limit that holds for some objectives only is the one that is named and checked', () => {
  const beta = settingOf('beta');
  const [reward, pairs] = [{ objective: 'grpo' }, { objective: 'dpo' }].map((given) => limited(beta, given));
  expect([allowed(reward), isAllowed(reward, 0)]).toEqual(['a number from 0 to 100', true]);
  expect([allowed(pairs), isAllowed(pairs, 0)]).toEqual(['a number above 0, at most 100', false]);
});

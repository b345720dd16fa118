/** Lists of whole numbers as people write them. */
import { expect, test } from 'vitest';
import { Flags } from '../../../src/cli/flags.ts';
import { flagText, readNumbers } from '../../../src/settings/flag-text.ts';
import { settingOf } from '../../../src/settings/table.ts';
import { allowed, isAllowed } from '../../../src/settings/values.ts';

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

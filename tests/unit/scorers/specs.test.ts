/** Rewards as written by a person: errors name the fault and the allowed values. */
import { expect, test } from 'vitest';
import { readRewards, rewardNames } from '../../../src/scorers/rewards/specs.ts';

const WRONG: readonly [unknown, RegExp][] = [
  [[], /no rewards\. Give 1 to 16/],
  [Array.from({ length: 17 }, () => ({ name: 'exact-match' })), /17 rewards/],
  ['exact-match', /an object with a name/],
  [{ weight: 1 }, /an object with a name/],
  [{ name: 'exact' }, /no reward "exact"\. Did you mean exact-match\?/],
  [{ name: 'exact-match', weight: '1' }, /weight of exact-match is "1"\. Choose a number/],
  [{ name: 'exact-match', weight: NaN }, /weight/],
  [{ name: 'exact-match', weight: 1e4 }, /from −1000 to 1000/],
  [{ name: 'exact-match', weight: 0 }, /every weight is 0/],
  [{ name: 'exact-match', within: '<answer>' }, /its tag is not a name/],
  [{ name: 'exact-match', as: ' ' }, /the name of exact-match in lists \("as"\) is " "/],
  [{ name: 'exact-match', as: 'x'.repeat(61) }, /a text of 1 to 60 characters/],
  [{ name: 'regex' }, /regex needs pattern/],
  [{ name: 'regex', patern: 'a' }, /no setting "patern"\. Did you mean pattern\?/],
  [{ name: 'regex', pattern: '(' }, /is not a regular expression/],
  [{ name: 'regex', pattern: 'a', flags: 'g' }, /flags/],
  [{ name: 'regex', pattern: '(?:a)[(](?=x)', group: true }, /has no group/],
  [{ name: 'length', unit: 'bytes' }, /unit of length is "bytes"\. Choose tokens, words or characters/],
  [{ name: 'length', least: 10, most: 5 }, /shortest length is above/],
  [{ name: 'length', span: 0 }, /at least 1|from 1/],
  [{ name: 'format-tags', tags: 'a,,b' }, /is not the name of a tag/],
  [{ name: 'format-tags', tags: 'a,a' }, /same tag twice/],
  [{ name: 'json-schema', schema: '{' }, /its schema is not JSON/],
  [{ name: 'json-schema', schema: { type: 'text' } }, /its schema has a wrong type, which needs one of null/],
  [
    { name: 'json-schema', schema: { properties: { a: { pattern: 'x' } } } },
    /has "pattern" at a, which is not checked/,
  ],
  [{ name: 'json-fields', expected: '{' }, /expected object is not JSON/],
  [{ name: 'javascript', code: ' ' }, /its code is empty/],
  [
    [{ name: 'exact-match' }, { name: 'length', least: -1 }],
    /rewards\.json, reward 2: least of length is -1/,
  ],
];

test.each(WRONG)('%j is refused', (value, message) => {
  expect(() => readRewards(value, 'rewards.json')).toThrow(message);
});

test('valid specs are kept unchanged, with weight, and JSON as text', () => {
  expect(readRewards({ name: 'regex', pattern: '(?<n>a)', group: true }, 'x')).toEqual([
    { name: 'regex', weight: 1, pattern: '(?<n>a)', group: true },
  ]);
  expect(readRewards([{ name: 'json-schema', schema: { type: 'object' }, weight: 0.5 }], 'x')).toEqual([
    { name: 'json-schema', weight: 0.5, schema: '{"type":"object"}' },
  ]);
});

test('a reward is listed under its own name, or that of its kind', () => {
  const specs = readRewards(
    [
      { name: 'length', as: 'short' },
      { name: 'length' },
      { name: 'length' },
      { name: 'regex', pattern: 'a', as: 'short' },
    ],
    'x',
  );
  expect(specs[0]).toEqual({ name: 'length', weight: 1, as: 'short' });
  expect(rewardNames(specs)).toEqual(['short', 'length', 'length-2', 'short-2']);
});

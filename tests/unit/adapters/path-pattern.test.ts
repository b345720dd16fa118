/** Keys of patterns that are regular expressions, compared with JavaScript's own. */
import { expect, test } from 'vitest';
import { pathPattern } from '../../../src/adapters/path-pattern.ts';

const PATHS = [0, 1, 2, 11].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj'].map((name) => `model.layers.${layer}.${name}`),
);

test.each([
  String.raw`.*q_proj`,
  String.raw`^model\.layers\.[01]\.self_attn\.q_proj`,
  String.raw`layers\.(0|11)\..*`,
  String.raw`layers\.\d\..*_proj$`,
  String.raw`(?:q|v)_proj`,
  String.raw`layers\.1+\.[a-z_.]+`,
  String.raw`layers\.[^1]\.\w+\.(q_|v_)?(?:up_)?proj`,
  String.raw`model.*?layers.(1|2).*`,
  String.raw`(l|ay|ers)+.(\.|\w)*`,
  String.raw`^layers.*`,
  String.raw`q_proj$|mlp\..*`,
])('%s fits the paths that PEFT gives it', (key) => {
  const expression = new RegExp(`^(?:.*\\.)?(?:${key})$`, 's');
  const fits = pathPattern(key)!;
  expect(PATHS.filter(fits)).toEqual(PATHS.filter((path) => expression.test(path)));
});

test.each(['(?=q)', 'q(', 'q)', '[z-a]', String.raw`\bq`, 'q{2}', '*q', 'q**', '((((q))))', '(?<n>q)'])(
  '%s is not read',
  (key) => expect(pathPattern(key)).toBeUndefined(),
);

test('an expression that would try for ages takes one step for each position', () => {
  expect(pathPattern(`${'(.|.)'.repeat(60)}x`)!('a'.repeat(200))).toBe(false);
  expect(pathPattern('((.*)*.*)*x')!('a'.repeat(200))).toBe(false);
});

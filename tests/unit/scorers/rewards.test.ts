/** The scores of each reward, and their sum. */
import { describe, expect, test } from 'vitest';
import { REWARD_SCORERS } from '../../../src/scorers/lists.ts';
import { canonical, flexibleNumber, strictNumber } from '../../../src/scorers/number-match.ts';
import { mostOf, openRewards } from '../../../src/scorers/rewards/reward.ts';
import { describeShared, sharedJsonl } from '../../shared.ts';
import { attempt, scoreOf, scoresOf } from './attempt.ts';

test('every reward has a name of its own, and settings with names of their own', () => {
  const names = REWARD_SCORERS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, settings } of REWARD_SCORERS) {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+|L)*$/);
    const own = settings.map((setting) => setting.name);
    expect(new Set(own).size).toBe(own.length);
    expect(own).not.toContain('weight');
    expect(own).not.toContain('name');
  }
});

test('exact match: ignoring white space at the ends, or within a tag', async () => {
  expect(await scoresOf({ name: 'exact-match' }, [' Paris\n', 'paris', 'Paris.'], 'Paris')).toEqual([
    1, 0, 0,
  ]);
  const tagged = { name: 'exact-match', within: 'answer' };
  const texts = [
    'Hm. <answer> Paris </answer>',
    'Paris',
    '<answer>Oslo</answer><answer>Paris</answer>',
    '</answer><answer>Paris',
  ];
  expect(await scoresOf(tagged, texts, 'Paris')).toEqual([1, 0, 1, 0]);
});

test('the same words: ignoring capitals, punctuation and articles', async () => {
  const texts = ['the PARIS!', 'Paris Paris', 'Oslo'];
  expect(await scoresOf({ name: 'normalised-match' }, texts, 'Paris')).toEqual([1, 0, 0]);
});

describe('the right number', () => {
  test('strict takes the one after the marker, flexible the last; both are shown', async () => {
    const rewards = await openRewards([
      { name: 'number-match' },
      { name: 'number-match', extraction: 'flexible', weight: 0 },
    ]);
    expect(rewards.shown).toEqual([
      'number-match strict',
      'number-match flexible',
      'number-match-2 strict',
      'number-match-2 flexible',
    ]);
    const [right, form, none] = await rewards.score(
      ['5 + 67 = 72\n#### 72', 'It is 72.', 'no idea'].map((text) =>
        attempt(text, { answer: 'So 72\n#### 72' }),
      ),
    );
    expect(right).toEqual({ total: 1, parts: [1, 1], shown: [1, 1, 1, 1] });
    expect(form).toEqual({ total: 0, parts: [0, 1], shown: [0, 1, 0, 1] });
    expect(none.parts).toEqual([0, 0]);
  });

  test('numbers are compared by value, at any length', () => {
    const same = [
      ['72', '72.0', '$72', '072', '72.', '72.00'],
      ['1,234.5', '$1234.50'],
      ['-0', '0', '0.0', '000'],
      ['.5', '0.5', '00.50'],
    ];
    for (const group of same) expect(new Set(group.map(canonical)).size).toBe(1);
    expect(canonical('9007199254740993')).not.toBe(canonical('9007199254740992'));
    for (const none of ['.', '-', '$', ',', '1.2.3', '', undefined]) expect(canonical(none)).toBeUndefined();
  });

  test('any text can be the marker', async () => {
    const spec = { name: 'number-match', marker: '<answer>' };
    expect(await scoresOf(spec, ['I think <answer>7</answer>, not 8', '7', '<answer>seven 7'], '7')).toEqual([
      1, 0, 0,
    ]);
  });

  describeShared('as lm-evaluation-harness extracts', () => {
    test('from every text of the reference', () => {
      const rows = sharedJsonl<
        Record<'prediction' | 'reference', string> & Record<'gsm8k_strict' | 'gsm8k_flexible', string[]>
      >('reference', 'metrics', 'texts.jsonl');
      expect(rows.length).toBeGreaterThan(50);
      for (const { prediction, reference, gsm8k_strict, gsm8k_flexible } of rows) {
        const texts = [prediction, reference];
        expect(texts.map((text) => strictNumber(text, '#### ') ?? '[invalid]')).toEqual(gsm8k_strict);
        expect(texts.map((text) => flexibleNumber(text) ?? '[invalid]')).toEqual(gsm8k_flexible);
      }
    });
  });
});

test('regular expressions match anywhere, and a group can be the wanted answer', async () => {
  const format = { name: 'regex', pattern: '^<think>.*?</think>\\s*<answer>.*?</answer>$' };
  expect(await scoresOf(format, ['<think>a\nb</think>\n<answer>c</answer>', '<answer>c</answer>'])).toEqual([
    1, 0,
  ]);
  const group = { name: 'regex', pattern: 'answer is (\\w+)', flags: 'iu', group: true };
  expect(await scoresOf(group, ['The ANSWER is Paris.', 'The answer is Oslo.', 'Paris'], 'Paris')).toEqual([
    1, 0, 0,
  ]);
});

test('valid JSON, of a kind, in a fence', async () => {
  expect(await scoresOf({ name: 'valid-json' }, [' {"a": 1} ', '[1', '3', "{'a': 1}"])).toEqual([1, 0, 1, 0]);
  expect(await scoresOf({ name: 'valid-json', kind: 'object' }, ['{}', '[]', 'null'])).toEqual([1, 0, 0]);
  expect(await scoresOf({ name: 'valid-json', kind: 'array' }, ['{}', '[]', 'null'])).toEqual([0, 1, 0]);
  expect(
    await scoresOf({ name: 'valid-json', fenced: true }, ['Here:\n```json\n{"a": 1}\n```\nDone', '{}']),
  ).toEqual([1, 1]);
});

test('the share of fields that are the wanted ones', async () => {
  const answer = '{"name": "Ada", "born": 1815, "tags": ["x", {"y": 1}]}';
  const texts = [
    '{"tags": ["x", {"y": 1}], "born": 1815, "name": "Ada"}',
    '{"name": "Ada", "born": 1816, "tags": []}',
    '{"name": "Ada", "born": 1815, "tags": ["x", {"y": 1}], "more": 1}',
    '[]',
    'Ada',
  ];
  expect(await scoresOf({ name: 'json-fields' }, texts, answer)).toEqual([1, 1 / 3, 3 / 4, 0, 0]);
  expect(await scoresOf({ name: 'json-fields', expected: '{"a": 1}' }, ['{"a": 1}', '{"a": 2}'])).toEqual([
    1, 0,
  ]);
});

test('a schema scores an object by how much of it is valid', async () => {
  const schema = JSON.stringify({
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1 },
      stars: { type: 'integer', minimum: 1, maximum: 5 },
      tone: { enum: ['good', 'bad'] },
      tags: { type: 'array', items: { type: 'string' }, maxItems: 2 },
    },
    required: ['name', 'stars'],
    additionalProperties: false,
  });
  const texts = [
    '{"name": "A", "stars": 5}',
    '{"name": "A", "stars": 5, "tone": "good", "tags": ["x"]}',
    '{"name": "A", "stars": 6}',
    '{"name": "A"}',
    '{"name": "A", "stars": 5, "tone": "so", "more": 1}',
    '{"stars": 2.5, "name": ""}',
    '"A"',
    '{',
  ];
  expect(await scoresOf({ name: 'json-schema', schema }, texts)).toEqual([1, 1, 0.5, 0.5, 0.5, 0, 0, 0]);
});

test('a length outside of the range costs in proportion, and at most 1', async () => {
  const spec = { name: 'length', least: 2, most: 4, span: 4, unit: 'words' };
  const words = (count: number): string => 'word '.repeat(count);
  expect(await scoresOf(spec, [0, 1, 2, 4, 5, 6, 8, 100].map(words))).toEqual([
    -0.5, -0.25, 0, 0, -0.25, -0.5, -1, -1,
  ]);
  expect((await scoreOf({ name: 'length', most: 3, span: 8 }, 'x', { tokens: 5 })).total).toBe(-0.25);
  expect((await scoreOf({ name: 'length', most: 2, span: 2, unit: 'characters' }, '👍👍👍')).total).toBe(
    -0.5,
  );
});

test('tags in their order, filled, with nothing outside', async () => {
  const all = '<think>a</think>\n<answer>b</answer>\n';
  const texts = [
    all,
    `Hm ${all}`,
    '<answer>b</answer><think>a</think>',
    '<think>a</think>',
    '<think> </think><answer>b</answer>',
    `${all}${all}`,
    '',
  ];
  expect(await scoresOf({ name: 'format-tags' }, texts)).toEqual([1, 0, 0, 0, 0, 0, 0]);
  expect(await scoresOf({ name: 'format-tags', parts: true }, texts)).toEqual([
    1,
    2 / 3,
    1 / 3,
    1 / 3,
    1 / 3,
    0,
    0,
  ]);
  expect(await scoresOf({ name: 'format-tags', tags: 'a' }, ['<a>x</a>', '<a>x'])).toEqual([1, 0]);
});

test("weights add up, and the maximum is known unless a person's code decides", async () => {
  const specs = [
    { name: 'exact-match', weight: 1 },
    { name: 'format-tags', weight: 0.2, tags: 'answer' },
    { name: 'length', most: 10, span: 10, weight: 0.5 },
    { name: 'valid-json', weight: -0.5 },
  ];
  expect(mostOf(specs)).toBeCloseTo(1.2);
  expect(mostOf([...specs, { name: 'javascript', code: '1' }])).toBeUndefined();
  const rewards = await openRewards(specs);
  expect(rewards.names).toEqual(['exact-match', 'format-tags', 'length', 'valid-json']);
  const [scored] = await rewards.score([attempt('7', { answer: '7', tokens: 15 })]);
  expect(scored.parts).toEqual([1, 0, -0.5, 1]);
  expect(scored.total).toBeCloseTo(1 - 0.25 - 0.5);
});

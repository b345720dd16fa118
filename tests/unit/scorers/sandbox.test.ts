/** A person's own code: what it can be, what it cannot reach, and that nothing it does ends a run. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { REWARD_SCORERS } from '../../../src/scorers/lists.ts';
import { openRewards, type RewardSpec } from '../../../src/scorers/rewards/reward.ts';
import { attempt, scoreOf, scoresOf } from './attempt.ts';

const code = (text: string): RewardSpec => ({ name: 'javascript', code: text });

test.each([
  'completion.length / 10',
  '({ completion }) => completion.length / 10',
  'function reward({ completion }) { const n = completion.length; return n / 10; }',
  'const tens = 10;\nfunction reward(attempt) {\n  return attempt.completion.length / tens; // a share\n}',
  'export default ({ completion }) => completion.length / 10;',
  'const n = 10;\nexport default function score({ completion }) { return completion.length / n; }',
  'completion.length / 10 // with a comment',
])('%s is a reward', async (text) => {
  expect(await scoresOf(code(text), ['four', ''])).toEqual([0.4, 0]);
});

test('it sees all of the attempt; true and false are 1 and 0', async () => {
  const text =
    'prompt === "A question" && tokens === 7 && cut && answer === "b" && row.stars === 4 && completion === "\\ud800é"';
  const more = { tokens: 7, cut: true, answer: 'b', row: { stars: 4 } };
  expect((await scoreOf(code(text), '\ud800é', more)).total).toBe(1);
  expect((await scoreOf(code('answer === undefined'), 'x')).total).toBe(1);
});

test('it has neither network nor page nor files nor clock nor chance, and nothing passes from one attempt to the next', async () => {
  const names =
    'fetch XMLHttpRequest WebSocket document window self process require setTimeout Date WebAssembly std os navigator';
  for (const name of names.split(' '))
    expect((await scoreOf(code(`typeof ${name} === 'undefined'`), 'x')).total).toBe(1);
  expect((await scoreOf(code('Math.random === undefined'), 'x')).total).toBe(1);
  expect((await scoreOf(code('new Function("return typeof fetch")() === "undefined"'), 'x')).total).toBe(1);
  expect(await scoresOf(code('(globalThis.seen = (globalThis.seen ?? 0) + 1)'), ['a', 'b', 'c'])).toEqual([
    1, 1, 1,
  ]);
});

test.each([
  ['completion.nothing.more', /TypeError/],
  ['missing + 1', /ReferenceError/],
  ['(() => { throw new Error("so be it") })()', /Error: so be it/],
  ['(() => { throw { odd: true } })()', /throws no Error/],
  ['"5"', /string instead of a number/],
  ['null', /null instead/],
  ['[1]', /object instead/],
  ['async () => 1', /object instead/],
  ['0 / 0', /NaN instead/],
  ['1 / 0', /Infinity instead/],
  ['1e300', /more than 1000000/],
  ['(() => { for (;;); })()', /does not end/],
  ['(() => { for (;;) { try { for (;;); } catch {} } })()', /does not end/],
  ['/(a+)+$/.test("a".repeat(60) + "b")', /does not end/],
  ['(() => { const f = () => f() + 1; return f(); })()', /stack/],
  ['"x".repeat(1e9).length', /memory|string/],
  ['(() => { const all = []; for (;;) all.push(new Array(1e5).fill(all)); })()', /memory|does not end/],
  ['JSON.parse("[".repeat(1e5) + "]".repeat(1e5))', /stack|Maximum|interpreter/],
  ['(() => { let s = "x"; for (let i = 0; i < 60; i++) s += s; return s.length; })()', /memory|too long/],
  ['/^(?:a|a)*$/.test("a".repeat(40) + "b")', /does not end/],
  ['/(x+x+)+y/.test("x".repeat(50))', /does not end/],
  ['new Array(1e6).fill(7).sort()[0]', /memory/],
  ['new Float64Array(4e6).map((_, i) => -i).sort()[0]', /memory|does not end/],
  [
    '(() => { let a = []; for (let i = 0; i < 3e4; i++) a = [a]; return JSON.stringify(a).length; })()',
    /stack/,
  ],
  [
    '(() => { let a = "x".repeat(1e5); for (let i = 0; i < 20; i++) a = [a, a]; return JSON.stringify(a).length; })()',
    /memory/,
  ],
])('%s fails, and the attempt gets 0', async (text, message) => {
  const scored = await scoreOf(code(text), 'x');
  expect(scored.total).toBe(0);
  expect(scored.parts).toEqual([0]);
  expect(scored.problems).toEqual([expect.stringMatching(message)]);
  // It recovers after a failure.
  expect((await scoreOf(code('1'), 'x')).total).toBe(1);
});

test.each(['1 +', 'const x = 1;', 'const score = () => 1;', '}', '"'])(
  '%s cannot run, which is said before the run',
  async (text) => {
    await expect(openRewards([code(text)], { where: 'rewards.js' })).rejects.toThrow(
      /rewards\.js, javascript: its code cannot run/,
    );
  },
);

test('failures are counted with the first message, and a reward that only fails stops the run', async () => {
  const rewards = await openRewards([
    code('completion === "bad" ? missing : 1'),
    { name: 'exact-match', weight: 0.5 },
  ]);
  const scored = await rewards.score([
    attempt('bad', { answer: 'bad' }),
    attempt('good', { answer: 'good' }),
    attempt('bad'),
  ]);
  expect(scored.map(({ total }) => total)).toEqual([0.5, 1.5, 0]);
  expect(rewards.failures).toEqual([
    { reward: 'javascript', count: 2, first: expect.stringContaining('missing') as string },
    { reward: 'exact-match', count: 1, first: 'the row has no reference answer' },
  ]);

  const dead = await openRewards([{ name: 'exact-match' }]);
  await dead.score(Array.from({ length: 15 }, () => attempt('x')));
  await expect(dead.score([attempt('x')])).rejects.toThrow(
    /exact-match has failed on all 16 completions: the row has no reference answer/,
  );
});

/** One of each kind. */
const ONE_EACH: readonly RewardSpec[] = [
  { name: 'exact-match', within: 'answer' },
  { name: 'token-f1' },
  { name: 'rouge-l' },
  { name: 'normalized-match' },
  { name: 'contains' },
  { name: 'number-strict' },
  { name: 'number-flexible' },
  { name: 'number-match' },
  { name: 'accuracy' },
  { name: 'rouge1' },
  { name: 'rouge2' },
  { name: 'rougeL' },
  { name: 'sentence-bleu' },
  { name: 'sentence-chrf', within: 'answer' },
  { name: 'valid-json', fenced: true },
  { name: 'json-fields', expected: '{"a": {"b": [1]}}' },
  { name: 'json-schema', schema: '{"type": "object", "properties": {"a": {"items": {"type": "array"}}}}' },
  { name: 'regex', pattern: '^(a|b|ab)*c.*?</answer>' },
  { name: 'repetition' },
  { name: 'length', unit: 'characters' },
  { name: 'format-tags', parts: true },
  { name: 'javascript', code: 'completion.length > 3 ? 1 : -1' },
];

test('random and hostile completions get a finite score of every reward', async () => {
  expect(ONE_EACH.map(({ name }) => name)).toEqual(REWARD_SCORERS.map(({ name }) => name));
  // Those that count runs of words and characters take longer for each character, so they get the beginning of the long ones.
  const isCounting = ({ name }: RewardSpec): boolean => /^(rouge|sentence|token|repetition)/.test(name);
  const halves = [
    { rewards: await openRewards(ONE_EACH.filter((one) => !isCounting(one))), longest: Infinity },
    { rewards: await openRewards(ONE_EACH.filter(isCounting)), longest: 5_000 },
  ];
  const deep = 100_000;
  const hostile = [
    '',
    '\ud800',
    '\udc00\ud800'.repeat(1000),
    '\0'.repeat(100),
    '['.repeat(deep) + ']'.repeat(deep),
    '{"a":'.repeat(deep) + '1' + '}'.repeat(deep),
    '9'.repeat(1_000_000),
    `#### ${'.,'.repeat(500_000)}`,
    '#### '.repeat(200_000),
    '<answer>'.repeat(100_000),
    '</answer>'.repeat(100_000),
    '<think>'.repeat(100_000) + '</think>'.repeat(100_000),
    '```'.repeat(100_000),
    'ab'.repeat(100_000),
    ' '.repeat(1_000_000),
    'é👍'.repeat(300_000),
    '{"__proto__": 1, "a": {"b": [1]}}',
  ];
  const check = async (completion: string): Promise<void> => {
    for (const { rewards, longest } of halves) {
      const [{ total, parts, shown }] = await rewards.score([
        attempt(completion.slice(0, longest), { answer: '#### 7', row: { x: completion.slice(0, 5) } }),
      ]);
      expect([total, ...parts, ...shown].every(Number.isFinite)).toBe(true);
      expect(parts).toHaveLength(rewards.names.length);
    }
  };
  for (const completion of hostile) await check(completion);
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
    fc.json(),
    fc
      .array(
        fc.constantFrom(
          '<answer>',
          '</answer>',
          '<think>',
          '</think>',
          '#### ',
          '7',
          '```',
          '\n',
          '{',
          '}',
          '"a":',
          ' x ',
        ),
      )
      .map((parts) => parts.join('')),
  );
  await fc.assert(fc.asyncProperty(text, check), { numRuns: 300 });
});

/** Verdicts, differences, curves and numbers: what the page says about what it was given. */
import { describe, expect, test } from 'vitest';
import { caveatOf, isHeldOut } from '../../../src/app/evaluate/seen.ts';
import { judge } from '../../../src/app/evaluate/verdict.ts';
import { firstExamples } from '../../../src/app/start/examples.ts';
import { curveCsv } from '../../../src/app/train/csv.ts';
import { smooth } from '../../../src/smooth.ts';
import { difference } from '../../../src/app/ui/diff.ts';
import { bytes, duration, loss, parameters, rate } from '../../../src/app/ui/format.ts';
import type { Evaluation, Share, StepPoint } from '../../../src/worker/api.ts';

function evaluation(base: Share, tuned: Share, losses: [number, number], rows = 40): Evaluation {
  const report = (value: number): Evaluation['base'] => ({
    loss: value,
    perplexity: Math.exp(value),
    supervisedTokens: 100,
  });
  return {
    origin: { time: 0, model: { name: 'sprig', bundled: true, fingerprint: 'f' } },
    rules: [],
    rows: Array.from({ length: rows }, () => ({ prompt: '', expected: '', base: '', tuned: '' })),
    base: report(losses[0]),
    tuned: report(losses[1]),
    exact: { base, tuned },
  };
}
const share = (count: number, low: number, high: number): Share => ({
  count,
  total: 40,
  interval: [low, high],
});
const said = (result: Evaluation): string => {
  const { before, number, after } = judge(result);
  return before + number + after;
};

describe('the verdict', () => {
  test('intervals that are apart are a difference', () => {
    const result = evaluation(share(0, 0, 0.09), share(34, 0.71, 0.93), [3, 0.2]);
    expect(judge(result).better).toBe(true);
    expect(said(result)).toBe('The adapter gets 34 of 40 held-out rows exactly right, the base model 0.');
  });
  test('exact answers whose intervals overlap decide nothing', () => {
    const [base, tuned] = [share(10, 0.14, 0.4), share(12, 0.18, 0.45)];
    expect(said(evaluation(base, tuned, [3, 2.99]))).toMatch(/^No clear difference/);
    const surprised = evaluation(base, tuned, [3, 0.2]);
    expect(said(surprised)).toMatch(/^The adapter is less surprised by the right answers/);
    expect(judge(surprised).caution).toMatch(/12 of 40 against 10; the two 95% intervals overlap/);
  });
  test('a worse adapter is called worse', () => {
    expect(said(evaluation(share(34, 0.71, 0.93), share(0, 0, 0.09), [1, 3]))).toMatch(
      /^The adapter is worse/,
    );
    expect(said(evaluation(share(0, 0, 0.09), share(0, 0, 0.09), [1, 2]))).toMatch(/^The adapter is worse/);
  });
  test('one row says little, several say little', () => {
    const none = share(0, 0, 0.09);
    expect(judge(evaluation(none, none, [3, 2], 1)).caution).toMatch(/^1 row says little:/);
    expect(judge(evaluation(none, none, [3, 2], 2)).caution).toMatch(/^2 rows say little:/);
    expect(judge(evaluation(none, none, [3, 2])).caution).toBe('');
  });
  test('without exact answers perplexity decides', () => {
    const none = share(0, 0, 0.09);
    expect(said(evaluation(none, none, [Math.log(20), Math.log(2)]))).toBe(
      'The adapter is less surprised by the right answers: perplexity 20.0 → 2.00.',
    );
    expect(said(evaluation(none, none, [1, 0.99]))).toMatch(/^No clear difference/);
  });
  test('few rows carry a warning', () => {
    expect(judge(evaluation(share(0, 0, 0.1), share(5, 0.6, 1), [3, 1], 5)).caution).toMatch(/5 rows/);
  });
});

describe('rows that were measured', () => {
  const plain = evaluation(share(0, 0, 0.09), share(34, 0.71, 0.93), [3, 0.2]);
  const adapter = { name: 'Captain', id: '1' };
  const by = (seen: Evaluation['seen']): Evaluation => ({
    ...plain,
    origin: { ...plain.origin, adapter },
    ...(seen !== undefined && { seen }),
  });
  test('are held out where training saw none of them, and only then', () => {
    const clean = by({ asked: 0, test: 0, of: 90 });
    expect(isHeldOut(clean)).toBe(true);
    expect(caveatOf(clean)).toBe('');
    const asked = by({ asked: 0, test: 3, of: 90 });
    expect(isHeldOut(asked)).toBe(false);
    expect(judge(asked).caution).toMatch(/^Training saw 0 of the 40 rows .* and 3 of the 90 that the loss/);
  });
  test('are not called held out where training saw them', () => {
    const result = by({ asked: 13, test: 30, of: 40 });
    expect(said(result)).toBe('The adapter gets 34 of 40 rows exactly right, the base model 0.');
    expect(judge(result).caution).toMatch(
      /^Training saw 13 of the 40 rows that were asked, and 30 of the 40/,
    );
  });
  test.each([
    ['imported', /was imported.*not known/],
    ['before', /was not kept.*not known/],
    ['rows', /not kept any more.*not known/],
    [undefined, /was not looked at/],
  ] as const)('are not called so where it is not known: %s', (seen, words) => {
    expect(isHeldOut(by(seen))).toBe(false);
    expect(judge(by(seen)).caution).toMatch(words);
    expect(said(by(seen))).not.toContain('held-out');
  });
});

describe('differences', () => {
  const own = (text: string, other: string): string[] =>
    difference(text, other)[0]
      .filter((piece) => piece.own)
      .map((piece) => piece.text.trim());
  test('words that only one text has', () => {
    expect(own('Arr, the spade is here', 'The spade is there')).toEqual(['Arr, the', 'here']);
    expect(own('same text', 'same text')).toEqual([]);
    expect(own('{"a":1,"b":2}', '{"a":1,"b":3}')).toEqual(['2']);
  });
  test('pieces add up to the text, whatever it is', () => {
    for (const text of ['', '  a  b \n', 'ü😀 x', 'a,b;c'])
      for (const side of difference(text, 'a b'))
        expect(['a b', text]).toContain(side.map((piece) => piece.text).join(''));
  });
});

describe('the curve', () => {
  const point = (step: number, value: number): StepPoint => ({
    step,
    steps: 3,
    loss: value,
    lr: 0.001,
    gradNorm: 0.5,
    supervisedTokens: 10,
    seconds: 0.25,
    tokensPerSecond: 40,
    secondsLeft: 1,
    gpuBytes: 1,
  });
  test('smoothing starts at the first value and keeps its past', () => {
    const values = [4, 2, 3, 1];
    expect(smooth(values, 100)[0]).toBeCloseTo(4);
    expect(smooth(values.slice(0, 2), 100)).toEqual(smooth(values, 100).slice(0, 2));
    expect(smooth([2, 2, 2], 10)).toEqual([2, 2, 2].map((value) => expect.closeTo(value)));
  });
  test('CSV has a line a step, and validation where there was one', () => {
    const lines = curveCsv(
      [point(1, 4), point(2, 3)],
      [
        { step: 0, loss: 5 },
        { step: 2, loss: 3.5 },
      ],
    )
      .trimEnd()
      .split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[1]).toBe('0,,,5,,,,');
    expect(lines[2]).toBe('1,4,4,,0.001,0.5,10,0.25');
    expect(lines[3]).toMatch(/^2,3,3\.\d+,3\.5,/);
  });
});

test('numbers', () => {
  expect([loss(6.943), loss(0.0591), loss(12.34), loss(1173.2), loss(NaN)]).toEqual([
    '6.94',
    '0.059',
    '12.3',
    '1,173',
    '–',
  ]);
  expect([0, 0.006, 2.5e-4, 0.00612, 0.5, 1, 10].map(rate)).toEqual([
    '0',
    '6e-3',
    '2.5e-4',
    '6.12e-3',
    '0.5',
    '1',
    '10',
  ]);
  expect([bytes(0), bytes(73_728), bytes(24_956_108), bytes(2 ** 30)]).toEqual([
    '0 B',
    '72 KiB',
    '23.8 MiB',
    '1 GiB',
  ]);
  expect([duration(41.2), duration(130), duration(3900), duration(Infinity)]).toEqual([
    '41 s',
    '2 min 10 s',
    '1 h 5 min',
    '–',
  ]);
  expect([parameters(1_312_000), parameters(117_000), parameters(12)]).toEqual(['1.31 M', '117 K', '12']);
});

test('examples of a bundled file', () => {
  const row = (prompt: string, answer: string): string =>
    JSON.stringify({
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: answer },
      ],
    });
  expect(firstExamples(`${row('a', 'b')}\n\n${row('c', 'd')}\n${row('e', 'f')}`, 2)).toEqual([
    { prompt: 'a', answer: 'b' },
    { prompt: 'c', answer: 'd' },
  ]);
  expect(() => firstExamples('{"text":"x"}', 1)).toThrow();
});

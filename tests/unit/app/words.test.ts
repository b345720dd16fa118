/** Verdicts, differences, curves and numbers in the words of the page. */
import { describe, expect, test } from 'vitest';
import { firstExamples } from '../../../src/app/start/examples.ts';
import { curveCsv } from '../../../src/app/train/csv.ts';
import { smooth } from '../../../src/smooth.ts';
import { difference } from '../../../src/app/ui/diff.ts';
import { about, bytes, parameters, rate } from '../../../src/app/ui/format.ts';
import { duration, threeDigits, took } from '../../../src/numbers.ts';
import { learner, memoryParts } from '../../../src/app/train/method-words.ts';
import type { RunMemory, StepPoint } from '../../../src/worker/api.ts';

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
  test('finds one word in long texts', () => {
    const words = Array.from({ length: 5000 }, (_, i) => `word${i}`);
    const other = words.with(2500, 'another');
    expect(own(words.join(' '), other.join(' '))).toEqual(['word2500']);
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
  test('smoothing starts at the first value, and later steps do not change it', () => {
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
  expect([
    threeDigits(6.943),
    threeDigits(0.0591),
    threeDigits(12.34),
    threeDigits(1173.2),
    threeDigits(NaN),
  ]).toEqual(['6.94', '0.059', '12.3', '1,173', '–']);
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
  expect([about(1.2), about(4), about(262)]).toEqual(['a few seconds', 'about 5 s', 'about 4 min 30 s']);
  expect([took(0), took(0.0184), took(2.74), took(200)]).toEqual(['1 ms', '18 ms', '2.7 s', '3 min 20 s']);
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

describe('words follow what is trained', () => {
  test('name what learns', () => {
    expect(learner({})).toBe('An adapter (LoRA) is grafted on the model and learns your rows');
    expect(learner({ method: 'ia3' })).toMatch(/^An adapter \(IA3\)/);
    expect(learner({ start: { id: 'a', name: 'voice' } })).toBe(
      'A copy of the adapter “voice” learns your rows',
    );
    expect(learner({ method: 'full' })).toBe('All weights of a copy of the model learn your rows');
    expect(learner({ method: 'full', trainWeights: 'norms', lastLayers: 2 })).toBe(
      'Norms and biases of the last 2 layers of a copy of the model learn your rows',
    );
  });

  test('the memory that it takes', () => {
    const parts = { base: 1, adapter: 2, gradients: 3, optimiser: 4 } as unknown as RunMemory['parts'];
    const named = (method?: 'full'): string[] =>
      memoryParts({ parts } as RunMemory, { method }).map(({ name }) => name);
    expect(named()).toContain('adapter and optimiser');
    expect(named('full')).toContain('gradients and optimiser');
    expect(named('full').join()).not.toContain('adapter');
  });
});

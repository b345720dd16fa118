/** Token F1 against published implementations: torchmetrics in every clone, and the numbers of ../shared. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { rowScore } from '../../../src/scorers/scorer.ts';
import { scoresOf } from '../../../src/scorers/scores.ts';
import { tokenF1 } from '../../../src/scorers/token-f1.ts';
import { describeShared, sharedJsonl } from '../../shared.ts';

const path = fileURLToPath(new URL('../../reference/metrics/squad.json', import.meta.url));
const { rows } = JSON.parse(readFileSync(path, 'utf8')) as {
  rows: { answer: string; expected: string; f1: number; exact: boolean }[];
};

test.each(rows)('$answer for $expected', ({ answer, expected, f1, exact }) => {
  expect(rowScore(tokenF1, answer, expected)).toBeCloseTo(f1, 6);
  expect(tokenF1.normalise(answer) === tokenF1.normalise(expected)).toBe(exact);
});

describeShared('token F1 of the reference texts', () => {
  test('agrees row by row, and on the whole', () => {
    const texts = sharedJsonl<{ prediction: string; reference: string; squad_f1: number }>(
      ...['reference', 'metrics', 'texts.jsonl'],
    );
    expect(texts.length).toBeGreaterThan(50);
    for (const { prediction, reference, squad_f1 } of texts)
      expect(rowScore(tokenF1, prediction, reference), prediction).toBeCloseTo(squad_f1, 9);
    const scores = scoresOf(
      texts.map(({ reference, prediction }) => ({ expected: reference, answer: prediction })),
    );
    const whole = texts.reduce((sum, { squad_f1 }) => sum + squad_f1, 0) / texts.length;
    expect(scores['token-f1']?.value).toBeCloseTo(whole, 9);
  });
});

/** Calibration of choices against published implementations. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  brierScore,
  calibrationError,
  probabilitiesOf,
  reliabilityBins,
} from '../../../src/scorers/calibration.ts';

const path = fileURLToPath(new URL('../../reference/metrics/calibration.json', import.meta.url));
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as {
  cases: { logProbabilities: number[][]; right: number[]; calibrationError: number; brier: number }[];
};

test.each(cases)('gives the calibration error of torchmetrics and the Brier score of scikit-learn', (one) => {
  const rows = one.logProbabilities.map((logs, at) => ({
    probabilities: probabilitiesOf(logs),
    right: one.right[at],
  }));
  // torchmetrics counts in f32.
  expect(calibrationError(rows)).toBeCloseTo(one.calibrationError, 5);
  expect(brierScore(rows)).toBeCloseTo(one.brier, 9);
  // The dots of a reliability diagram are what the error is made of.
  const dots = reliabilityBins(rows);
  const distance = dots.reduce(
    (sum, { rows: n, confidence, right }) => sum + n * Math.abs(confidence - right),
    0,
  );
  expect(distance / rows.length).toBeCloseTo(one.calibrationError, 5);
  for (const { from, to, confidence } of dots) {
    expect(confidence).toBeGreaterThanOrEqual(from);
    expect(confidence).toBeLessThanOrEqual(to);
  }
});

test('takes impossible choices for equally likely', () => {
  expect(probabilitiesOf([-Infinity, -Infinity])).toEqual([0.5, 0.5]);
  expect(probabilitiesOf([-Infinity, -3])).toEqual([0, 1]);
});

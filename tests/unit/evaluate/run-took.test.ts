import { expect, test } from 'vitest';
import { medianSeconds, stepTimeInWords } from '../../../src/evaluate/run-took.ts';
import { threeDigits } from '../../../src/numbers.ts';

test('the time of a step is the median over the run, whatever the last step took', () => {
  const steps = [0.9, 0.5, 0.512, 0.49, 2].map((seconds) => ({ seconds }));
  expect(medianSeconds(steps)).toBe(0.512);
  expect(stepTimeInWords(steps)).toBe(`${threeDigits(0.512)} s a step (median)`);
  expect(stepTimeInWords([])).toBe('');
});

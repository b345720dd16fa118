/** What is told of the loss of a merged file. */
import { expect, test } from 'vitest';
import { lossSentences, lossTable, type MergeLoss } from '../../../src/export/gguf/loss.ts';

const loss: MergeLoss = {
  ...{ type: 'q4_0', rows: 8, tokens: 100, base: 3, apart: 1 },
  ...{ merged: 1.02, change: 0.04 },
};

test('a file that keeps the tuning gets numbers and no advice', () => {
  expect(lossSentences(loss)).toEqual([
    'Merge loss on 8 rows, 100 supervised tokens: base 3.0000, base and adapter apart 1.0000, merged in q4_0 1.0200 nats per token.',
    'The largest change of a probability is 0.0400.',
  ]);
});

test('a file that eats the tuning is reported with its share, and the pair is offered', () => {
  const [, , advice] = lossSentences({ ...loss, merged: 1.5 });
  expect(advice).toMatch(/^q4_0 takes 25 % of what the tuning gained\. Instead, ship the pair/);
  expect(lossTable({ ...loss, merged: 1.5 })).toContain(advice);
});

test('a large change of a probability is reported even if the loss stays', () => {
  expect(lossSentences({ ...loss, change: 0.3 })[2]).toMatch(/single probabilities change by more than 0\.1/);
});

test('a tuned model has no base to compare with, and no adapter to ship', () => {
  const { base: _, ...alone } = loss;
  expect(lossSentences({ ...alone, merged: 2, change: 0.5 })).toHaveLength(2);
  expect(lossTable(alone)).toContain('| as it was | 1.0000 |');
});

/** What a screen reader hears at the end of a run: the verdict that stands on the page. */
import { expect, test } from 'vitest';
import { Milestones } from '../../../src/app/train/milestones.ts';
import { startOf } from '../../../src/evaluate/reading-brief.ts';
import { describeReading } from '../../../src/evaluate/reading-words.ts';
import type { Reading, RunSummary, StepPoint } from '../../../src/worker/api.ts';

const LAST = { step: 60, steps: 60, loss: 1, lr: 0, gradNorm: 1, seconds: 1 } as unknown as StepPoint;
const READING: Reading = {
  ...{ kind: 'worse', step: 60, of: 'validation', before: 0.01, after: 0.03, kept: 0 },
  best: { step: 30, loss: 0.02 },
};

type Ended = Pick<RunSummary, 'status' | 'options' | 'reading' | 'forgetting'>;

async function heardOf(run: Ended): Promise<{ heard: string | undefined; shown: string }> {
  const { how, advice } = describeReading(run.reading!, false, startOf(run.options), run.forgetting);
  return { heard: await new Milestones().end(run, LAST), shown: `${how} ${advice}`.trim() };
}

test('a run from an adapter is compared with that adapter', async () => {
  const options = { start: { id: 'a', name: 'first' } } as RunSummary['options'];
  const { heard, shown } = await heardOf({ status: 'done', options, reading: READING });
  expect(heard).toContain('with the adapter that it continues');
  expect(heard).toContain(shown);
  expect(await new Milestones().trouble(READING, options)).toContain('with the adapter that it continues');
});

test('the end of a run announces the forgetting as it is shown', async () => {
  const { heard, shown } = await heardOf({
    status: 'done',
    options: {} as RunSummary['options'],
    reading: { ...READING, kind: 'fine' },
    forgetting: { before: 0.7, after: 7.4 },
  });
  expect(heard).toContain('the perplexity of general text went from');
  expect(heard).toContain(shown);
});

/** metrics.jsonl, in a real folder. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { METRICS, MetricsLog, readLine } from '../../../src/cli/metrics-log.ts';
import type { StepEvent } from '../../../src/train/events.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-metrics-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const step = (at: number): StepEvent =>
  ({
    type: 'step',
    step: at,
    loss: 3 - at,
    lr: 0.1,
    gradNorm: 1,
    supervisedTokens: 5,
    seconds: 1,
  }) as StepEvent;
const evaluation = (at: number) => ({ type: 'eval', step: at, loss: 9, best: true }) as const;
const written = (): { step: number; eval_loss?: number }[] =>
  readFileSync(join(folder, METRICS), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: number; eval_loss?: number });

test('an interrupted validation is in the line of its step, also in a resumed run', async () => {
  const log = await MetricsLog.open(folder, []);
  log.add(step(1));
  log.add(evaluation(1));
  log.add(step(2));
  // A pause in the middle of the validation after step 2.
  log.flush();
  log.add(evaluation(2));
  log.add(step(3));
  log.sync();
  log.close();
  expect(written().map((line) => [line.step, line.eval_loss])).toEqual([
    [1, 9],
    [2, 9],
    [3, undefined],
  ]);

  const resumed = await MetricsLog.open(folder, log.lines);
  resumed.add(evaluation(3));
  resumed.sync();
  resumed.close();
  expect(written().at(-1)).toMatchObject({ step: 3, eval_loss: 9 });
  expect(resumed.lines.map((line) => JSON.parse(line) as object)).toEqual(written());
});

test('the validation before the first step is on its line', async () => {
  const log = await MetricsLog.open(folder, []);
  log.add(evaluation(0));
  log.add(step(1));
  log.add(step(2));
  log.sync();
  log.close();
  expect(log.lines.map(readLine)).toMatchObject([{ step: 1, evalLossBefore: 9 }, { step: 2 }]);
  expect(readLine(log.lines[1])).not.toHaveProperty('evalLossBefore');
});

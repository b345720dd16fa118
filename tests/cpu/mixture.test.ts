/** A run of several tasks: the loss of each, and that it resumes bit for bit. */
import { beforeAll, expect, test } from 'vitest';
import type { PreparedRow } from '../../src/data/prepare.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { describeDevice } from '../engine/adapters.ts';
import { curve, expectSame, trainersOnSprig } from '../engine/trainer-run.ts';

describeDevice('A mixture', (context) => {
  const { given, open } = trainersOnSprig(context);
  let rows: PreparedRow[];
  let validation: PreparedRow[];
  const CHANGES = { steps: 6, batch: 3, accumulate: 2, evalEvery: 2, shuffle: true } as const;
  beforeAll(() => {
    const tasks = [
      { name: 'first', share: 0.6 },
      { name: 'second', share: 0.4 },
    ];
    rows = given.rows.map((row, at) => ({ ...row, task: tasks[at % 2] }));
    validation = given.validation.map((row, at) => ({ ...row, task: tasks[at % 2] }));
  });

  test('reports the loss of each task, which together are the loss', async () => {
    const mixed = await open(CHANGES, { rows, validation });
    const { tasks = {}, loss } = (await mixed.trainer.evaluate())!;
    expect(Object.keys(tasks)).toEqual(['first', 'second']);
    const supervised = (some: readonly PreparedRow[]): number =>
      some.reduce((sum, { labels }) => sum + labels.filter((label) => label >= 0).length, 0);
    let sum = 0;
    for (const [name, of] of Object.entries(tasks)) {
      const own = validation.filter(({ task }) => task?.name === name);
      // The loss that a run without tasks measures on these rows alone.
      const alone = await open(CHANGES, { validation: own.map(({ task: _, ...row }) => row) });
      const measured = (await alone.trainer.evaluate())!;
      expect(measured.tasks).toBeUndefined();
      expect(of).toBeCloseTo(measured.loss, 5);
      sum += of * supervised(own);
    }
    expect(sum / supervised(validation)).toBeCloseTo(loss, 5);

    expect(await mixed.trainer.run()).toBe('done');
    for (const step of mixed.steps) {
      const losses = Object.values(step.tasks ?? {});
      expect(losses.length).toBeGreaterThan(0);
      expect(Math.min(...losses)).toBeLessThanOrEqual(step.loss + 1e-5);
      expect(Math.max(...losses)).toBeGreaterThanOrEqual(step.loss - 1e-5);
    }
    for (const { tasks: measured } of mixed.evaluations)
      expect(Object.keys(measured ?? {})).toEqual(['first', 'second']);
  });

  test.each([false, true])('goes on from its state bit for bit (packing: %s)', async (packing) => {
    const whole = await open({ ...CHANGES, packing }, { rows, validation });
    expect(await whole.trainer.run()).toBe('done');
    const part = await open({ ...CHANGES, packing }, { rows, validation });
    expect(await part.trainer.run(3)).toBe('paused');
    const files = writeState({ state: await part.trainer.state(), fingerprint: 'mixture' });
    const { state } = await readState(memoryFiles(files, 'state'));
    const rest = await open({ ...CHANGES, packing }, { rows, validation, state });
    expect(await rest.trainer.run()).toBe('done');
    expect([...curve(part.steps), ...curve(rest.steps)]).toEqual(curve(whole.steps));
    const tasksOf = (run: typeof whole): unknown[] => run.steps.map(({ tasks }) => tasks);
    expect([...tasksOf(part), ...tasksOf(rest)]).toEqual(tasksOf(whole));
    expectSame(await rest.adapter.read(), await whole.adapter.read());
  });
});

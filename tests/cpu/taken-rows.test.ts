/** A run on rows that are made as they are taken has the curve of one whose rows are all at hand. */
import { expect, test } from 'vitest';
import { LOOKED_AHEAD } from '../../src/train/buckets.ts';
import { runBuckets } from '../../src/train/step-kinds.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import type { List } from '../../src/lists.ts';
import { RowOrder } from '../../src/train/order.ts';
import { placesByTask } from '../../src/train/tasks.ts';
import { describeDevice } from '../engine/adapters.ts';
import { base, curve, expectSame, trainersOnSprig } from '../engine/trainer-run.ts';

/** The same rows, none of them at hand. */
const taken = (rows: readonly PreparedRow[]): List<PreparedRow> => ({
  length: rows.length,
  at: (index) => rows.at(index),
});

describeDevice('Rows that are made as they are taken', (context) => {
  const { given, open } = trainersOnSprig(context);

  test.each([false, true])('give the same steps and the same adapter (packing: %s)', async (packing) => {
    const whole = await open({ packing }, { validation: given.validation });
    await whole.trainer.run();
    const run = await open({ packing }, { rows: taken(given.rows), validation: taken(given.validation) });
    await run.trainer.run();
    expect(curve(run.steps)).toEqual(curve(whole.steps));
    expect(run.evaluations).toEqual(whole.evaluations);
    expectSame(await run.adapter.read(), await whole.adapter.read());
  });

  test('give the same steps where a later one is larger than all that were looked at', async () => {
    // The order of the file: short rows first, then the longest.
    const [short] = [...given.rows].sort((a, b) => a.ids.length - b.ids.length);
    const [long] = [...given.rows].sort((a, b) => b.ids.length - a.ids.length);
    const rows = [...Array.from({ length: LOOKED_AHEAD }, () => short), long, long, short];
    const options = { shuffle: false, batch: 1, steps: rows.length };
    const sizes = runBuckets({ ...base, ...options }, taken(rows), []).gradients;
    expect(Math.max(...sizes.map(({ tokens }) => tokens))).toBeLessThan(long.ids.length);
    const whole = await open(options, { rows });
    await whole.trainer.run();
    const run = await open(options, { rows: taken(rows) });
    await run.trainer.run();
    expect(curve(run.steps)).toEqual(curve(whole.steps));
    expectSame(await run.adapter.read(), await whole.adapter.read());
  });

  test('give the same steps and the same losses of tasks in a mixture', async () => {
    const tasks = [
      { name: 'one', share: 0.7 },
      { name: 'other', share: 0.3 },
    ];
    const rows = given.rows.map((row, at) => ({ ...row, task: tasks[Number(at % 3 === 0)] }));
    const validation = given.validation.map((row, at) => ({ ...row, task: tasks[at % 2] }));
    const whole = await open({}, { rows, validation });
    await whole.trainer.run();
    const run = await open(
      {},
      { rows: { ...taken(rows), tasks: placesByTask(rows) }, validation: taken(validation) },
    );
    await run.trainer.run();
    expect(curve(run.steps)).toEqual(curve(whole.steps));
    expect(run.steps.map((step) => step.tasks)).toEqual(whole.steps.map((step) => step.tasks));
    expect(run.evaluations).toEqual(whole.evaluations);
    expectSame(await run.adapter.read(), await whole.adapter.read());
  });

  test('come in the same order', () => {
    const options = { ...base, batch: 3, accumulate: 2 };
    const [whole, other] = [new RowOrder(given.rows, options), new RowOrder(taken(given.rows), options)];
    for (const step of [0, 1, 7, 40]) expect(other.rowsOf(step)).toEqual(whole.rowsOf(step));
  });
});

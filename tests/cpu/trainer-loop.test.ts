/** Decisions of the training loop, the same on every backend: when it validates, pauses and stops, and what it refuses. */
import { beforeAll, expect, test, vi } from 'vitest';
import { tensorNames } from '../../src/adapters/lora/config.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import type { EvalEvent, ValidateEvent } from '../../src/train/events.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { describeDevice } from '../engine/adapters.ts';
import { curve, differences, expectSame, trainersOnSprig, type Setting } from '../engine/trainer-run.ts';
import { graftError } from '../unit/expect-graft-error.ts';

describeDevice('The training loop', (context) => {
  const { given, open } = trainersOnSprig(context);
  let { rows, validation } = given;
  beforeAll(() => {
    ({ rows, validation } = given);
  });

  test('stops early when patience ends, and gives the values of the best evaluation', async () => {
    // Such a rate cannot go on improving.
    const options = { lr: 0.2, schedule: 'constant', steps: 30, evalEvery: 1, patience: 2 } as const;
    const early = await open(options, { validation });
    expect(await early.trainer.run()).toBe('stopped');
    const { evaluations, trainer } = early;
    expect(trainer.step).toBe(evaluations.length);
    expect(trainer.step).toBeLessThan(30);
    expect(evaluations.slice(-2).map(({ best }) => best)).toEqual([false, false]);
    const best = evaluations.filter((event) => event.best).at(-1)!;
    expect(best.step).toBe(trainer.step - 2);
    expect(best.loss).toBe(Math.min(...evaluations.map(({ loss }) => loss)));
    expect(trainer.bestEvalLoss).toBe(best.loss);

    const until = await open(options);
    await until.trainer.run(best.step);
    expectSame(await trainer.result(), await until.adapter.read());
    // The adapter itself has trained further.
    const last = await early.adapter.read();
    const name = tensorNames('model.layers.0.self_attn.q_proj').a;
    expect(differences(last.get(name)!, (await trainer.result()).get(name)!)).toBeGreaterThan(0);
    await expect(trainer.run()).rejects.toThrow('stopped');
  });

  test('lets the device catch up before each further micro-batch, with the same result', async () => {
    const changes = { batch: 1, accumulate: 3, steps: 2 };
    const plain = await open(changes);
    await plain.trainer.run();
    const run = await open(changes);
    let seeds = 0;
    const order: string[] = [];
    const write = context.device.write.bind(context.device);
    // Each micro-batch writes its seed of dropout just before it is queued.
    const writes = vi.spyOn(context.device, 'write').mockImplementation((tensor, data, offset) => {
      if (tensor.label === 'dropout seed') order.push(`batch ${++seeds}`);
      write(tensor, data, offset);
    });
    const waits = vi.spyOn(context.device, 'catchUp').mockImplementation(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      order.push('caught up');
    });
    await run.trainer.run();
    writes.mockRestore();
    waits.mockRestore();
    const step = (first: number): string[] =>
      [first, first + 1, first + 2].flatMap((batch) => ['caught up', `batch ${batch}`]).slice(1);
    expect(order).toEqual([...step(1), ...step(4)]);
    expectSame(await run.trainer.result(), await plain.trainer.result());
  });

  test.each([4, 6])(
    'gives up the validation of step %i at a pause, and makes it when the run continues',
    async (at) => {
      const changes = { evalEvery: 2, steps: 6, batch: 1 };
      const whole = await open(changes, { validation });
      const told: ValidateEvent[] = [];
      await whole.trainer.run();
      const seen = whole.events.flatMap((event) => (event.type === 'validate' ? [event] : []));
      expect(seen.filter(({ done, total }) => done === total).map(({ step }) => step)).toEqual([2, 4, 6]);
      for (const { done, total } of seen) expect(done <= total && total === validation.length).toBe(true);

      let cut = false;
      const run = await open(changes, {
        validation,
        onEvent(event, self) {
          if (event.type !== 'validate') return;
          told.push(event);
          if (event.step !== at || event.done === 0 || cut) return;
          cut = true;
          self().trainer.pause();
        },
      });
      expect(await run.trainer.run()).toBe('paused');
      expect(run.trainer.evaluationDue).toBe(true);
      expect(told.at(-1)!.done).toBeLessThan(validation.length);
      expect(run.evaluations.map(({ step }) => step)).toEqual([2, 4, 6].filter((step) => step < at));
      // From its state, as after a reload.
      const { state } = await readState(
        memoryFiles(writeState({ state: await run.trainer.state(), fingerprint: 'f' }), 'state'),
      );
      const again = await open(changes, { validation, state });
      expect(await again.trainer.run()).toBe('done');
      expect(await run.trainer.run()).toBe('done');
      const judged = (events: readonly EvalEvent[]): unknown[] =>
        events.map(({ step, loss, best }) => [step, loss, best]);
      expect(judged(run.evaluations)).toEqual(judged(whole.evaluations));
      expect(judged(again.evaluations)).toEqual(
        judged(whole.evaluations).filter((_, i) => 2 * (i + 1) >= at),
      );
      expect(curve(run.steps)).toEqual(curve(whole.steps));
      expectSame(await run.trainer.result(), await whole.trainer.result());
      expectSame(await again.trainer.result(), await whole.trainer.result());
    },
  );

  test('a pause for a checkpoint lets the validation of its step end; a stop does not', async () => {
    const changes = { evalEvery: 2, steps: 6 };
    const at =
      (step: number, what: (trainer: Trainer) => void): Setting['onEvent'] =>
      (event, self) => {
        if (event.type === 'step' && event.step === step) what(self().trainer);
      };
    const saved = await open(changes, {
      validation,
      onEvent: at(2, (trainer) => trainer.pause({ afterValidation: true })),
    });
    expect(await saved.trainer.run()).toBe('paused');
    expect(saved.evaluations.map(({ step }) => step)).toEqual([2]);
    const stopped = await open(changes, { validation, onEvent: at(2, (trainer) => trainer.stop()) });
    expect(await stopped.trainer.run()).toBe('stopped');
    expect(stopped.evaluations).toEqual([]);
  });

  test('evaluates at the end as well, and a run whose patience ends in its last step is done', async () => {
    const run = await open({ steps: 4, evalEvery: 3 }, { validation });
    expect(await run.trainer.run()).toBe('done');
    expect(run.evaluations.map(({ step }) => step)).toEqual([3, 4]);
    const impatient = await open({ steps: 3, evalEvery: 1, patience: 2, lr: 0.2 }, { validation });
    expect(await impatient.trainer.run()).toBe('done');
    expect(impatient.evaluations.map(({ best }) => best)).toEqual([true, false, false]);
  });

  test('continues patience from a saved state where it was', async () => {
    // The first step has rate 0. The rates after it are so large that every later validation is worse.
    const rates = { lr: 8, schedule: 'constant', warmup: 16 } as const;
    const changes = { ...rates, steps: 20, evalEvery: 1, patience: 3 };
    const begun = await open(changes, { validation });
    expect(await begun.trainer.run(3)).toBe('paused');
    expect(begun.evaluations.map(({ best }) => best)).toEqual([true, false, false]);
    const files = writeState({ state: await begun.trainer.state(), fingerprint: 'f' });
    const { state } = await readState(memoryFiles(files, 'state'));
    const resumed = await open(changes, { validation, state });
    expect(await resumed.trainer.run()).toBe('stopped');
    // The third in a row that is not the best, two of them before the pause.
    expect(resumed.evaluations.map(({ step, best }) => [step, best])).toEqual([[4, false]]);
  });

  test('cancelled counts, even where patience ends in the same step', async () => {
    const run = await open(
      { lr: 0.2, schedule: 'constant', steps: 30, evalEvery: 1, patience: 1 },
      {
        validation,
        onEvent: (event, self) => event.type === 'eval' && !event.best && self().trainer.cancel(),
      },
    );
    expect(await run.trainer.run()).toBe('cancelled');
  });

  test('rows that teach nothing, ids that the model lacks and no rows at all are refused', async () => {
    const silent = { ...rows[0], labels: rows[0].ids.map(() => -100) };
    const strange = { ...rows[0], ids: rows[0].ids.map((id, t) => (t === 3 ? 1_000_000 : id)) };
    const create = (request: { rows?: PreparedRow[]; validation?: PreparedRow[] }): Promise<unknown> =>
      open({}, request);
    const error = await graftError(() => create({ rows: [rows[0], silent] }), 'train-rows');
    expect(error.what).toContain('Row 2');
    await graftError(() => create({ rows: [] }), 'train-rows');
    await graftError(() => create({ rows: [strange] }), 'token-id');
    expect((await graftError(() => create({ validation: [silent] }), 'train-rows')).what).toContain(
      'Validation row 1',
    );
    await graftError(() => create({ validation: [strange] }), 'token-id');
  });
});

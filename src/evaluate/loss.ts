/** Loss, perplexity and token accuracy of a model, with or without an adapter, on rows that it was not trained on. */
import { LOSS_SLOT, STATS_SIZE } from '../engine/ops/step.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { batchTensors, mostRangesOf, writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { inputRows } from '../model/virtual-tokens.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { isSharedRight, mayShareOn } from '../train/layout-check.ts';
import { placesByTask } from '../train/tasks.ts';
import type { LossReport } from './record.ts';
import { groupRows } from './row-groups.ts';

/**
 * Mean loss over rows, group by group, of a mixture that of each task as well. Rows that start alike share their first tokens, once that is checked
 * for this model. Frees its GPU memory in any case.
 *
 * @param onRows called with the number of finished rows, from 0 on, group by group; throwing ends the evaluation
 * @throws GraftError `engine-…`, and what `onRows` throws
 */
export async function evaluateLoss(
  model: LanguageModel,
  given: readonly LabelledTokens[],
  adapter?: Adapter,
  onRows: (done: number) => void = () => undefined,
): Promise<LossReport> {
  const measured = await measure(model, given, adapter, onRows, mayShareOn(model));
  // Shared prefixes gave another loss here.
  return measured ?? (await measure(model, given, adapter, onRows, false))!;
}

/** @returns undefined if prefixes are shared, and that changes the loss */
async function measure(
  model: LanguageModel,
  given: readonly LabelledTokens[],
  adapter: Adapter | undefined,
  onRows: (done: number) => void,
  shares: boolean,
): Promise<LossReport | undefined> {
  const rows = inputRows(given, adapter);
  const { device } = model;
  onRows(0);
  const tasks = placesByTask(rows).map(({ name, places }) => ({
    name,
    ...groupRows(
      Array.from(places, (place) => rows[place]),
      shares,
    ),
  }));
  const ranges = mostRangesOf(tasks.map((task) => task.bucket));
  const bucket = {
    tokens: Math.max(...tasks.map((task) => task.bucket.tokens)),
    rows: Math.max(...tasks.map((task) => task.bucket.rows)),
    ...(ranges > 1 && { ranges }),
  };
  const stats = device.upload([STATS_SIZE], 'f32', 'statistics');
  const right = device.upload([1], 'f32', 'right tokens');
  let plan: Plan | undefined;
  try {
    const tape = new Tape(device);
    const inputs = batchTensors(tape, bucket, model.batchOptions);
    linearCrossEntropy(
      tape,
      model.forward(tape, inputs, { adapter }),
      model.headOf(tape, adapter),
      inputs.labels,
      stats,
      right,
    );
    const compiled = (plan = await device.compile(tape, model.pool));
    if (ranges > 1) {
      const groups = tasks.flatMap((task) => task.groups);
      const isRight = await isSharedRight(model, groups, async (probe, layoutOf) => {
        device.write(stats, new Float32Array(STATS_SIZE));
        writeBatch(compiled, inputs, probe, layoutOf);
        compiled.run();
        return new Float32Array(await device.read(stats)).subarray(LOSS_SLOT, LOSS_SLOT + 1);
      });
      if (!isRight) return undefined;
      device.write(stats, new Float32Array(STATS_SIZE));
      device.write(right, new Float32Array(1));
    }
    const reports: Record<string, LossReport> = {};
    let supervisedTokens = 0;
    let sum = 0;
    let rightTokens = 0;
    let done = 0;
    // One group runs while the next is written: the GPU does not wait, and little is left to run after a stop.
    let before: Promise<void> | undefined;
    for (const task of tasks) {
      const from = { supervisedTokens, done, sum, rightTokens };
      for (const group of task.groups) {
        supervisedTokens += writeBatch(plan, inputs, group);
        plan.run();
        const rowsBefore = done;
        await before;
        if (before) onRows(rowsBefore);
        before = device.settle();
        // Awaited in the next turn; a device that fails until then must not count as an uncaught error.
        before.catch(() => undefined);
        done += group.length;
      }
      await before;
      before = undefined;
      onRows(done);
      sum = new Float32Array(await device.read(stats))[LOSS_SLOT];
      [rightTokens] = new Float32Array(await device.read(right));
      reports[task.name] = reportOf(
        sum - from.sum,
        rightTokens - from.rightTokens,
        supervisedTokens - from.supervisedTokens,
        done - from.done,
      );
    }
    return {
      ...reportOf(sum, rightTokens, supervisedTokens, rows.length),
      ...(tasks.length > 1 && { tasks: reports }),
    };
  } finally {
    if (!device.failure) {
      await device.settle();
      plan?.destroy();
      device.free(stats);
      device.free(right);
    }
  }
}

function reportOf(sum: number, rightTokens: number, supervisedTokens: number, rows: number): LossReport {
  const loss = sum / supervisedTokens;
  return { loss, perplexity: Math.exp(loss), supervisedTokens, rightTokens, rows };
}

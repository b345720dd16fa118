/** Loss and perplexity of a model, with or without an adapter, on rows that it was not trained on. */
import { LOSS_SLOT, STATS_SIZE } from '../engine/ops/step.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { batchTensors, sizeOfRows, withVirtual, writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { placesByTask } from '../train/tasks.ts';
import type { LossReport } from './record.ts';

/** The most tokens of one replay, unless a single row is longer. */
const GROUP_TOKENS = 1024;
/**
 * Few rows are measured in at least this many groups, so that a large model on a slow device shows progress. Groups of fewer tokens waste the device.
 */
const MIN_GROUPS = 8;
const MIN_TOKENS = 128;

/**
 * Mean loss over rows, in groups of at most about {@link GROUP_TOKENS} tokens, of a mixture that of each task as well. Frees its GPU memory in any
 * case.
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
  const rows = withVirtual(given, adapter?.virtualTokens ?? 0);
  const { device } = model;
  onRows(0);
  const tasks = placesByTask(rows).map(({ name, places }) => ({
    name,
    groups: groupRows(places.map((place) => rows[place])),
  }));
  const groups = tasks.flatMap((task) => task.groups);
  const sizes = groups.map((group) => sizeOfRows(group));
  const bucket = {
    tokens: Math.max(...sizes.map(({ tokens }) => tokens)),
    rows: Math.max(1, ...sizes.map((size) => size.rows)),
  };
  const stats = device.upload([STATS_SIZE], 'f32', 'statistics');
  let plan: Plan | undefined;
  try {
    const tape = new Tape(device);
    const inputs = batchTensors(tape, bucket);
    linearCrossEntropy(
      tape,
      model.forward(tape, inputs, { adapter }),
      model.headOf(tape, adapter),
      inputs.labels,
      stats,
    );
    plan = await device.compile(tape, model.pool);
    const reports: Record<string, LossReport> = {};
    let supervisedTokens = 0;
    let sum = 0;
    let done = 0;
    // One group runs while the next is written: the GPU does not wait, and little is left to run after a stop.
    let before: Promise<void> | undefined;
    for (const task of tasks) {
      const from = { supervisedTokens, done, sum };
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
      reports[task.name] = reportOf(
        sum - from.sum,
        supervisedTokens - from.supervisedTokens,
        done - from.done,
      );
    }
    return {
      ...reportOf(sum, supervisedTokens, rows.length),
      ...(tasks.length > 1 && { tasks: reports }),
    };
  } finally {
    if (!device.failure) {
      await device.settle();
      plan?.destroy();
      device.free(stats);
    }
  }
}

function reportOf(sum: number, supervisedTokens: number, rows: number): LossReport {
  const loss = sum / supervisedTokens;
  return { loss, perplexity: Math.exp(loss), supervisedTokens, rows };
}

/** Rows in groups for one replay each. */
export function groupRows(rows: readonly LabelledTokens[]): LabelledTokens[][] {
  const all = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const most = Math.min(GROUP_TOKENS, Math.max(MIN_TOKENS, Math.ceil(all / MIN_GROUPS)));
  const groups: LabelledTokens[][] = [];
  let tokens = Infinity;
  for (const row of rows) {
    if (tokens + row.ids.length > most) {
      groups.push([]);
      tokens = 0;
    }
    groups[groups.length - 1].push(row);
    tokens += row.ids.length;
  }
  return groups;
}

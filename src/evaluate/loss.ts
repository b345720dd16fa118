/** Loss and perplexity of a model, with or without an adapter, on rows that it was not trained on. */
import { LOSS_SLOT, STATS_SIZE } from '../engine/ops/adamw.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { batchTensors, sizeOfRows, writeBatch, type LabelledTokens } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Adapter } from '../model/lora.ts';

export interface LossReport {
  /** Mean cross-entropy over the supervised tokens, in nats. */
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens: number;
}

/** Tokens of one replay, unless a single row is longer. */
const GROUP_TOKENS = 1024;

/** Evaluates rows in groups. @throws GraftError `engine-…` */
export async function evaluateLoss(
  model: LanguageModel,
  rows: readonly LabelledTokens[],
  adapter?: Adapter,
): Promise<LossReport> {
  const { device } = model;
  const groups = groupRows(rows);
  const sizes = groups.map(sizeOfRows);
  const bucket = {
    tokens: Math.max(...sizes.map(({ tokens }) => tokens)),
    rows: Math.max(1, ...sizes.map((size) => size.rows)),
  };
  const stats = device.upload([STATS_SIZE], 'f32', 'statistics');
  const tape = new Tape(device);
  const inputs = batchTensors(tape, bucket);
  linearCrossEntropy(tape, model.forward(tape, inputs, { adapter }), model.head, inputs.labels, stats);
  const plan = await Plan.compile(device, tape, model.pool);
  let supervisedTokens = 0;
  for (const group of groups) {
    supervisedTokens += writeBatch(plan, inputs, group);
    plan.run();
  }
  const sum = new Float32Array(await device.read(stats.storage.buffer!, 0, STATS_SIZE * 4))[LOSS_SLOT];
  plan.destroy();
  device.free(stats);
  const loss = sum / supervisedTokens;
  return { loss, perplexity: Math.exp(loss), supervisedTokens };
}

function groupRows(rows: readonly LabelledTokens[]): LabelledTokens[][] {
  const groups: LabelledTokens[][] = [];
  let tokens = Infinity;
  for (const row of rows) {
    if (tokens + row.ids.length > GROUP_TOKENS) {
      groups.push([]);
      tokens = 0;
    }
    groups[groups.length - 1].push(row);
    tokens += row.ids.length;
  }
  return groups;
}

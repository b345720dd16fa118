/** Rows of two answers, and how likely both answers are to a model. */
import type { Plan } from '../engine/plan.ts';
import type { Adapter } from '../adapters/adapter.ts';
import { countSupervised, writeBatch, type LabelledTokens, type LayoutOf } from '../model/batch.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { inputRows } from '../model/virtual-tokens.ts';
import { isSharedRight, mayShareOn } from '../train/layout-check.ts';
import { learningOf } from '../train/learning.ts';
import { recordReference, sharedTensors } from '../train/step-plans.ts';
import { drawRows } from './draw.ts';
import type { PairLikelihoods } from './pair-order.ts';
import { groupRows } from './row-groups.ts';

/** A row of both kinds of answers to a prompt: a pair, or one that is made of two answers with labels. */
type PairRow = LabelledTokens;

/**
 * The pairs among rows: those of a chosen and a rejected answer, and of answers with labels each desirable one with an undesirable one to the same
 * prompt, in the order of the rows.
 */
export function pairRowsOf(rows: readonly LabelledTokens[]): PairRow[] {
  const undesirable = new Map<string, LabelledTokens[]>();
  for (const row of rows) {
    if (row.desirable !== false) continue;
    const key = promptOf(row);
    undesirable.set(key, [...(undesirable.get(key) ?? []), row]);
  }
  return rows.flatMap((row): PairRow[] => {
    if (row.desirable === undefined) return row.starts ? [row] : [];
    const other = row.desirable ? undesirable.get(promptOf(row))?.shift() : undefined;
    return other ? [joined(row, other)] : [];
  });
}

/** So many of the pairs, drawn by a seed. */
export const drawPairs = (
  pairs: readonly PairRow[],
  sample: { readonly rows: number; readonly seed: number },
): readonly PairRow[] => drawRows(pairs.length, sample).map((at) => pairs[at]);

/** The tokens before the answer. */
function promptOf({ ids, labels }: LabelledTokens): string {
  const answer = Array.from(labels).findIndex((label) => label >= 0);
  return Array.from(ids).slice(0, answer).join();
}

function joined(chosen: LabelledTokens, rejected: LabelledTokens): PairRow {
  return {
    ids: [...Array.from(chosen.ids), ...Array.from(rejected.ids)],
    labels: [...Array.from(chosen.labels), ...Array.from(rejected.labels)],
    starts: [chosen.ids.length],
  };
}

/** A pair as its chosen answer alone; another row unchanged. */
export function chosenRow<Row extends LabelledTokens>(row: Row): Row {
  if (!row.starts || row.desirable !== undefined) return row;
  const { starts, ...others } = row;
  const cut = (values: ArrayLike<number>): number[] => Array.from(values).slice(0, starts[0]);
  return { ...others, ids: cut(row.ids), labels: cut(row.labels) } as unknown as Row;
}

/**
 * The likelihoods of both answers of each pair to a model, with or without an adapter. Frees its GPU memory in any case.
 *
 * @param given each of two sequences, the chosen one first
 * @param onRows called with the number of finished pairs, from 0 on; throwing ends the measurement
 * @throws GraftError `engine-…`, and what `onRows` throws
 */
export async function pairLikelihoods(
  model: LanguageModel,
  given: readonly PairRow[],
  adapter?: Adapter,
  onRows: (done: number) => void = () => undefined,
): Promise<PairLikelihoods[]> {
  const found = await measure(model, given, adapter, onRows, mayShareOn(model));
  // Shared prompts gave other numbers here.
  return found ?? (await measure(model, given, adapter, onRows, false))!;
}

/** @returns undefined if prefixes are shared, and that changes the numbers */
async function measure(
  model: LanguageModel,
  given: readonly PairRow[],
  adapter: Adapter | undefined,
  onRows: (done: number) => void,
  shares: boolean,
): Promise<PairLikelihoods[] | undefined> {
  onRows(0);
  if (given.length === 0) return [];
  const { device } = model;
  const { groups, bucket } = groupRows(inputRows(given, adapter), shares);
  // Log-probabilities of both answers are the same for every objective over pairs.
  const learning = learningOf({ objective: 'dpo' });
  const shared = sharedTensors(model, learning);
  let plan: Plan | undefined;
  const found: PairLikelihoods[] = [];
  try {
    const { tape, inputs, policies } = recordReference(
      { model, ...(adapter && { adapter }) },
      bucket,
      shared,
      learning,
    );
    const compiled = (plan = await device.compile(tape, model.pool));
    const compute = async (rows: readonly PairRow[], layoutOf?: LayoutOf): Promise<Float32Array> => {
      writeBatch(compiled, inputs, rows, layoutOf);
      compiled.run();
      return new Float32Array(await compiled.read(policies.trained!));
    };
    if (bucket.ranges && !(await isSharedRight(model, groups, compute))) return undefined;
    for (const group of groups) {
      const values = await compute(group);
      group.forEach((row, at) => {
        const [chosen, rejected] = tokensOf(row);
        found.push({
          chosen: { logp: values[2 * at], tokens: chosen },
          rejected: { logp: values[2 * at + 1], tokens: rejected },
        });
      });
      onRows(found.length);
    }
    return found;
  } finally {
    if (!device.failure) {
      await device.settle();
      plan?.destroy();
      for (const tensor of Object.values(shared)) device.free(tensor);
    }
  }
}

/** The tokens of the two answers of a pair. */
function tokensOf(row: PairRow): [number, number] {
  const all = countSupervised(row);
  const chosen = countSupervised({ ...row, labels: Array.from(row.labels).slice(0, row.starts![0]) });
  return [chosen, all - chosen];
}

/** The objective of a run with its settings, and the kinds of rows that it accepts. */
import { GraftError } from '../errors.ts';
import { plannedAdapter } from '../adapters/learners.ts';
import type { List } from '../lists.ts';
import { countSupervised, type LabelledTokens } from '../model/batch.ts';
import { inputRows } from '../model/virtual-tokens.ts';
import type { Objective, ObjectiveReport, RowKind } from '../objectives/objective.ts';
import { OBJECTIVES, objectiveOf, takesKind } from '../objectives/registry.ts';
import type { Given } from '../settings/setting.ts';
import { LOSS_SLOT, OWN_SLOT } from '../engine/ops/step.ts';

/** An objective, with the settings of the run that its loss reads. */
export interface Learning {
  readonly objective: Objective;
  readonly settings: Given;
}

export const SUPERVISED: Learning = { objective: OBJECTIVES[0], settings: {} };

/** @param options settings of a run by name @throws Error as `objectiveOf` */
export function learningOf(options: object & { readonly objective?: string }): Learning {
  return { objective: objectiveOf(options.objective), settings: options as Given };
}

/** The divisor of a loss over these rows. */
export function countOf({ mean }: Objective, rows: readonly LabelledTokens[]): number {
  return mean === 'rows' ? rows.length : rows.reduce((sum, row) => sum + countSupervised(row), 0);
}

/**
 * Rows as the trainer takes them: arranged by the objective ({@link Objective.arrange}), with the adapter's virtual tokens before their sequences.
 * Rows that answers are sampled to stay unchanged.
 *
 * @param options settings of the run by name
 * @throws Error as `objectiveOf`
 */
export function arranged<Row extends LabelledTokens>(
  options: Readonly<Record<string, unknown>> & { readonly objective?: string },
  rows: readonly Row[],
): readonly Row[];
export function arranged<Row extends LabelledTokens>(
  options: Readonly<Record<string, unknown>> & { readonly objective?: string },
  rows: List<Row>,
): List<Row>;
export function arranged<Row extends LabelledTokens>(
  options: Readonly<Record<string, unknown>> & { readonly objective?: string },
  rows: List<Row>,
): List<Row> {
  const objective: Objective = objectiveOf(options.objective);
  const own = objective.arrange ? objective.arrange(rows, options as Given) : rows;
  return objective.samples ? own : inputRows(own, plannedAdapter(options));
}

/** A mean loss, and the objective's reports next to it. */
export interface MeasuredLearning {
  readonly loss: number;
  readonly report?: ObjectiveReport;
  /** In a mixture the losses of its tasks, by name. */
  readonly tasks?: Readonly<Record<string, number>>;
}

/** @param stats as written by the device: sums of a step or a validation @param count from {@link countOf} */
export function measuredOf(objective: Objective, stats: Float32Array, count: number): MeasuredLearning {
  return {
    loss: stats[LOSS_SLOT] / count,
    ...(objective.reported.length > 0 && {
      report: objective.report(stats.subarray(OWN_SLOT, OWN_SLOT + objective.sums), count),
    }),
  };
}

/** The kind of these rows: a judged answer has a label, and a pair two sequences. */
export const kindOfRow = ({
  starts,
  desirable,
  asks,
  texts,
}: Pick<LabelledTokens, 'starts' | 'desirable' | 'asks' | 'texts'>): RowKind =>
  texts ? 'queries' : asks ? 'prompts' : desirable !== undefined ? 'unpaired' : starts ? 'pairs' : 'answers';

/** Sequences of a row that are kept apart; missing if they are not. */
export const sequencesOfRows = ({ sequences }: Objective): number | undefined => sequences?.length;

/** The name of each kind of rows, the objectives that can use it, and the columns that it needs. */
const KINDS: Readonly<Record<RowKind, { are: string; learns: string; choose: string; columns: string }>> = {
  answers: {
    are: 'The rows have single answers',
    learns: 'learns single answers',
    choose: 'choose the objective sft',
    columns: 'prompt and completion',
  },
  pairs: {
    are: 'The rows are pairs of a chosen and a rejected answer',
    learns: 'learns from pairs of answers',
    choose:
      'choose the objective dpo; or learn only the chosen answers, with a mapping whose prompt is {{prompt}} and whose answer is {{chosen}}',
    columns: 'prompt, chosen and rejected',
  },
  prompts: {
    are: 'The rows are prompts without answers',
    learns: 'samples answers to prompts',
    choose: 'choose the objective grpo',
    columns: 'prompt',
  },
  unpaired: {
    are: 'The rows are single answers with a label',
    learns: 'learns from single answers with a label',
    choose:
      'choose the objective kto; or learn only the answers, with a mapping whose prompt is {{prompt}} and whose answer is {{completion}}',
    columns: 'prompt, completion and label',
  },
  queries: {
    are: 'The rows are queries with the texts that answer them',
    learns: 'learns from queries with the texts that answer them',
    choose: 'train an encoder with the objective contrastive',
    columns: 'query and positive',
  },
};

/**
 * @throws GraftError `train-objective` if the objective takes other rows, with the remedy
 */
export function checkKind(objective: Objective, kind: RowKind): void {
  if (takesKind(objective, kind)) return;
  const { rows, label } = objective;
  throw new GraftError(
    'train-objective',
    `${KINDS[kind].are}, and ${label} ${KINDS[rows].learns}.`,
    `Give rows with the columns ${KINDS[rows].columns}, or ${KINDS[kind].choose}.`,
  );
}

/** @throws GraftError `train-rows` if there are fewer rows than a micro-batch must have */
export function checkCount({ leastRows = 1, label }: Objective, rows: number): void {
  if (rows < leastRows)
    throw new GraftError(
      'train-rows',
      `${label} compares ${leastRows} rows or more, and there is ${rows === 1 ? 'one' : 'none'}.`,
      'Bring more rows.',
    );
}

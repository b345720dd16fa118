/** What a run learns: its objective with the settings that it reads, and which rows that is for. */
import { GraftError } from '../errors.ts';
import { countSupervised, type LabelledTokens } from '../model/batch.ts';
import type { Objective, ObjectiveReport, RowKind } from '../objectives/objective.ts';
import { OBJECTIVES, objectiveOf } from '../objectives/registry.ts';
import type { Given } from '../settings/setting.ts';
import { LOSS_SLOT, OWN_SLOT } from '../engine/ops/step.ts';

/** An objective, with the settings of the run that its loss reads. */
export interface Learning {
  readonly objective: Objective;
  readonly settings: Given;
}

export const SUPERVISED: Learning = { objective: OBJECTIVES[0], settings: {} };

/** @param options settings of a run by name */
export function learningOf(options: object & { readonly objective?: string }): Learning {
  return { objective: objectiveOf(options.objective), settings: options as Given };
}

/** What a loss over these rows is a mean over. */
export function countOf({ mean }: Objective, rows: readonly LabelledTokens[]): number {
  return mean === 'rows' ? rows.length : rows.reduce((sum, row) => sum + countSupervised(row), 0);
}

/** A mean loss, and what the objective reports beside it. */
export interface Measured {
  readonly loss: number;
  readonly report?: ObjectiveReport;
  /** In a mixture the losses of its tasks, by name. */
  readonly tasks?: Readonly<Record<string, number>>;
}

/** @param stats as the device leaves them, sums of a step or a validation @param count as of {@link countOf} */
export function measuredOf(objective: Objective, stats: Float32Array, count: number): Measured {
  return {
    loss: stats[LOSS_SLOT] / count,
    ...(objective.reported.length > 0 && {
      report: objective.report(stats.subarray(OWN_SLOT, OWN_SLOT + objective.sums), count),
    }),
  };
}

/** The kind of rows that these are: a pair has two sequences. */
export const kindOfRow = ({ starts }: LabelledTokens): RowKind => (starts ? 'pairs' : 'answers');

/**
 * @throws GraftError `train-objective` where the objective takes other rows, with what to do
 */
export function checkKind({ rows, label }: Objective, kind: RowKind): void {
  // Rows with single answers are prompts with the answers that are wanted.
  if (rows === kind || (rows === 'prompts' && kind === 'answers')) return;
  if (rows === 'prompts')
    throw new GraftError(
      'train-objective',
      `The rows are pairs of a chosen and a rejected answer, and ${label} samples answers to prompts.`,
      'Choose the objective dpo; or learn from rewards with a mapping whose prompt is {{prompt}} and whose answer is {{chosen}}.',
    );
  if (kind === 'pairs')
    throw new GraftError(
      'train-objective',
      `The rows are pairs of a chosen and a rejected answer, and ${label} learns single answers.`,
      'Choose the objective dpo; or learn the chosen answers alone, with a mapping whose prompt is {{prompt}} and whose answer is {{chosen}}.',
    );
  throw new GraftError(
    'train-objective',
    `${label} learns from pairs of answers, and the rows have single ones.`,
    'Give rows with the columns prompt, chosen and rejected, or choose the objective sft.',
  );
}

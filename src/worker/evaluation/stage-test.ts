/** The test rows of one stage, asked of the base model and of every stage, and what their answers are worth: as the stage learned from answers, pairs or rewards. */
import type { RowSet } from '../../data/row-set.ts';
import { adapter as adapterMethod } from '../../evaluate/methods/adapter.ts';
import { base as baseMethod } from '../../evaluate/methods/base.ts';
import type { StageMeasure, StageRow } from '../../evaluate/lineage.ts';
import { referenceOf } from '../../evaluate/pair-order.ts';
import { stageRows } from '../../evaluate/stage-rows.ts';
import { readRun } from '../../storage/runs.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import { rewardsOf } from './answer-rewards.ts';
import type { FormSpec } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { tokenizeRowsAgain } from '../runs/new-tokens.ts';
import { originOf } from '../origin.ts';
import { unknownAdapter, type Session } from '../session.ts';
import { evalSessionOf, type EvalWatch } from './eval-session.ts';

/** The parts of an adapter that decide how its pairs are compared. */
async function pairReference(line: readonly StoredAdapter[], stage: number): Promise<number | undefined> {
  const { runId } = line[stage];
  const settings = runId === undefined ? undefined : (await readRun(runId))?.run.settings;
  if (!settings) return undefined;
  const { objective, reference, start } = settings as FormSpec;
  const of = referenceOf({
    ...(objective && { objective }),
    ...(reference && { reference }),
    starts: start !== undefined,
  });
  if (of === 'base') return -1;
  // The adapter that it started from was deleted: its log-probabilities are not known any more.
  return of === 'start' && stage > 0 ? stage - 1 : undefined;
}

/** What is measured of a model, by what the stage learned from. */
const MEASURES = {
  answers: { pairs: false },
  pairs: { answers: false },
  rewards: { loss: false, pairs: false },
} as const;

interface StageRequest {
  /** All stages. */
  readonly line: readonly StoredAdapter[];
  /** The one whose rows they are. */
  readonly stage: number;
  readonly data: RowSet;
  /** Rows that are asked. */
  readonly most: number;
  /** Called before each model is asked. */
  readonly onModel: () => void;
}

/**
 * @returns undefined if the stage held nothing out
 * @throws what a model failed with: a matrix compares stages, and one without a number would be read as none
 */
export async function measureStage(
  session: Session,
  open: OpenModel,
  { line, stage, data, most: max, onModel }: StageRequest,
  watch: EvalWatch,
): Promise<StageRow[] | undefined> {
  const rewards = await rewardsOf(line[stage]);
  const sitting = evalSessionOf(open, data, { rows: max, lossOf: 'asked', rewards }, watch, {
    grow: tokenizeRowsAgain,
    isScorable: rewards !== undefined,
  });
  if (sitting.part.rows.length === 0) return undefined;
  const measure: StageMeasure = rewards ? 'rewards' : sitting.pairs > 0 ? 'pairs' : 'answers';
  const { time, model } = await originOf(session, open, 'base');
  const plans = [
    sitting.subject(baseMethod, {}, 'base'),
    ...line.map(({ id, name }) =>
      sitting.subject(adapterMethod, { label: name, adapter: { id, name } }, 'adapter', async () => {
        const adapter = await session.adapter({ id }, open);
        if (!adapter) throw unknownAdapter();
        return { adapter };
      }),
    ),
  ].map((plan) => ({
    ...plan,
    open() {
      onModel();
      return plan.open();
    },
  }));
  const { record, failures } = await sitting.run({ time, model }, plans, MEASURES[measure]);
  if (failures.length > 0) throw failures[0].error;
  // A measurement that was stopped ends as reading rows does.
  sitting.slices.check();
  const { name } = line[stage];
  const reference = measure === 'pairs' ? await pairReference(line, stage) : undefined;
  return stageRows(record, { name, stage, measure, reference, byTask: true });
}

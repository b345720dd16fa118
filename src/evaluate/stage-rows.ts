/** The lines of the matrix of stages: what the base model and every stage get on the test rows of one stage, from their record. */
import { lossOfTask, ofTask, taskNames } from './by-task.ts';
import { recordPassMark, sideOf, type Side } from './sides.ts';
import type { StageMeasure, StageRow, StageScore } from './lineage.ts';
import { preferredPairs } from './pair-order.ts';
import type { Evaluation } from './record.ts';

interface StageOf {
  readonly name: string;
  /** The stage whose rows they are. */
  readonly stage: number;
  readonly measure: StageMeasure;
  /** The index of the stage that pairs are compared with, −1 for the base model; missing if the objective has none, or it is gone. */
  readonly reference?: number | undefined;
  /** Whether each task of a mixture gets a line of its own. */
  readonly byTask?: boolean;
}

/** @param record of the base model and then of each stage, all measured */
export function stageRows(record: Evaluation, of: StageOf): StageRow[] {
  const sides = record.subjects.map((_, at) => sideOf(record, at));
  const { items } = record;
  const { name, stage, measure, reference } = of;
  const line = (
    more: Omit<StageRow, 'stage' | 'base' | 'scores'>,
    scores: readonly StageScore[],
  ): StageRow => {
    const [base, ...others] = scores;
    return { ...more, stage, base, scores: others };
  };
  if (measure === 'rewards') {
    const passMark = recordPassMark(record);
    return [
      line(
        { name, rows: items.length, measure, ...(passMark !== undefined && { passMark }) },
        sides.map(({ rewards = [] }) => ({ byRow: rewards })),
      ),
    ];
  }
  if (measure === 'pairs') {
    const rows = sides[0].subject.likelihoods?.length ?? 0;
    return [
      line(
        { name, rows, measure, ...(reference !== undefined && { reference }) },
        sides.map((_, at) => pairScore(sides, at, reference)),
      ),
    ];
  }
  const tasks = of.byTask === true ? taskNames(items) : [];
  const parts = tasks.length < 2 ? [undefined] : tasks;
  return parts.map((task) =>
    line(
      {
        name: task === undefined ? name : `${name}: ${task}`,
        rows: task === undefined ? items.length : ofTask(items, items, task).length,
      },
      sides.map((side) => answerScore(side, task)),
    ),
  );
}

function pairScore(sides: readonly Side[], at: number, reference: number | undefined): StageScore {
  const { likelihoods = [] } = sides[at].subject;
  const loss = lossOf(sides[at], undefined);
  if (reference !== undefined && at === reference + 1) return loss;
  const byRow = preferredPairs(
    likelihoods,
    reference === undefined ? undefined : sides[reference + 1].subject.likelihoods,
  ).map(Number);
  return { ...loss, ...(byRow.length > 0 && { right: byRow.filter(Boolean).length, byRow }) };
}

/** Losses on other passages do not compare. */
function lossOf({ subject: { loss, otherText } }: Side, task: string | undefined): Pick<StageScore, 'loss'> {
  const own = task === undefined ? loss : lossOfTask(loss, task);
  return own && !otherText ? { loss: own } : {};
}

function answerScore(side: Side, task: string | undefined): StageScore {
  const { right = [], record } = side;
  const own = task === undefined ? right : ofTask(right, record.items, task);
  const byRow = own.map(Number);
  return {
    ...lossOf(side, task),
    ...(byRow.length > 0 && { right: byRow.filter(Boolean).length, byRow }),
  };
}

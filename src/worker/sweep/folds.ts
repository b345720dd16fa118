/** The folds of a cross-validation of the page: the rows of each, its measurement, and all of them as one record. */
import { dealFolds, placesOfFold, rowsOfFold, type Folds } from '../../data/folds.ts';
import { GraftError } from '../../errors.ts';
import { foldItems, joinFolds, type MeasuredFold } from '../../evaluate/join-folds.ts';
import type { SweepState, SweptRun } from '../../runs/sweep/record.ts';
import type { StoredSweep } from '../../storage/records.ts';
import type { Evaluation, Progress, Sample } from '../api.ts';
import { unasked, type DataSet } from '../data/data.ts';
import type { OpenModel } from '../models/model.ts';
import { storedId } from './info.ts';

/** The measurement of a fold: its adapter on the test part of its rows. */
export interface AskedFold {
  readonly projectId: string;
  readonly runId: string;
  readonly data: DataSet;
  readonly sample: Sample;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Rows as they are dealt to folds. */
export interface DealtRows {
  readonly folds: Folds;
  /** The rows of a fold: its own are the test part. */
  readonly rowsOf: (fold: number) => DataSet;
}

/** @throws GraftError `folds-rows`, `split`, `data-column` */
export function dealtRows(data: DataSet, { tokenizer }: OpenModel, count: number): DealtRows {
  const folds = dealFolds(data, count);
  return { folds, rowsOf: (fold) => unasked(rowsOfFold(data, folds, fold, tokenizer.chatTemplate)) };
}

/** The measurements of the folds so far. */
export const measuredFolds = ({ measured = [] }: StoredSweep): readonly MeasuredFold[] =>
  measured as readonly MeasuredFold[];

/** Runs of a cross-validation that are done and not measured. */
export function unmeasured(sweep: StoredSweep): SweptRun[] {
  const { folds, runs } = sweep.state as SweepState;
  if (folds === undefined) return [];
  const known = new Set(measuredFolds(sweep).map(({ fold }) => fold));
  return runs.filter(({ status, recipe }) => status === 'done' && !known.has(recipe));
}

/** Measures the fold of a run on all of its rows. @throws GraftError `worker-aborted`, and as a measurement */
export async function measureFold(
  sweep: StoredSweep,
  { id, recipe: fold }: SweptRun,
  { folds, rowsOf }: DealtRows,
  measure: (asked: AskedFold) => Promise<Evaluation>,
  watch: Pick<AskedFold, 'onProgress' | 'signal'>,
): Promise<MeasuredFold> {
  const record = await measure({
    ...{ projectId: sweep.projectId, runId: storedId(sweep.id, id), data: rowsOf(fold) },
    sample: { ...(sweep.sample as Sample | undefined), rows: folds.places.length, lossOf: 'all' },
    ...watch,
  });
  return { fold, record: foldItems(record, fold, placesOfFold(folds, fold)) };
}

/** All folds as one measurement. @throws GraftError `folds-open` before all of them are measured */
export function joinedFolds(sweep: StoredSweep): Evaluation {
  const measured = measuredFolds(sweep);
  const { runs } = sweep.state as SweepState;
  if (measured.length === 0 || measured.length < runs.length)
    throw new GraftError(
      'folds-open',
      `${measured.length} of ${runs.length} folds of “${sweep.name}” are measured.`,
      'Continue it, or start another one if a run of it failed.',
    );
  return joinFolds(measured, sweep.name);
}

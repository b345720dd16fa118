/** Runs that end in storage, without being brought to the GPU again. */
import { learnerOf } from '../../adapters/learners.ts';
import { adapterShape } from '../../runs/trainable.ts';
import type { StoredRun } from '../../storage/records.ts';
import { saveEndedRun, type ResumableRun } from '../../storage/runs.ts';
import { readState } from '../../train/state-files.ts';
import { memoryFiles } from '../../weights/bytes.ts';
import type { FormSpec } from '../api.ts';
import type { OpenModel } from '../models/model.ts';
import { endRun } from './run-store.ts';
import { specOf } from '../../settings/spec.ts';
import { asSaved } from '../../settings/table.ts';

/** Keeps only the curve. */
export async function discardSaved(saved: ResumableRun): Promise<StoredRun> {
  const run: StoredRun = { ...saved.run, status: 'cancelled' };
  await saveEndedRun(run);
  return run;
}

/** Keeps the best weights of the checkpoint, or the last ones if nothing was validated. */
export async function keepSaved(
  { run: paused, checkpoint, rows }: ResumableRun,
  open: OpenModel,
): ReturnType<typeof endRun> {
  const { state } = await readState(memoryFiles(checkpoint.files, 'The checkpoint'));
  const run: StoredRun = { ...paused, status: 'stopped' };
  const { step, bestEvalLoss } = state.counters;
  const learned = { step, bestEvalLoss, tensors: state.best ?? state.values };
  const options = specOf(asSaved(run.settings as FormSpec));
  const adapter = learnerOf(options).trainsModel
    ? undefined
    : adapterShape(open.model.definition, options, state.values);
  return endRun({ run, learned, adapter, rows: rows.large?.train ?? rows.train.length }, open);
}

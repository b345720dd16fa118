/** The list of runs: those in storage, and the one on the GPU, which is ahead of its record. */
import { GraftError } from '../../errors.ts';
import type { StoredRun, StoredSummary } from '../../storage/records.ts';
import { listRuns, readRun } from '../../storage/runs.ts';
import { summaryOf } from '../../storage/summaries.ts';
import type { RunRecord, RunSummary } from '../api.ts';
import type { LiveRun } from './live-run.ts';
import { runRecord, runSummary, withReading } from './run-records.ts';
import { someTabTrains } from '../device/training-lock.ts';

/**
 * @param live the run on the GPU of this tab
 * @param busy whether it is trained, or about to be
 * @returns the newest first, without their curves
 */
export async function listOfRuns(live: LiveRun | undefined, busy: boolean): Promise<RunSummary[]> {
  const elsewhere = !busy && (await someTabTrains());
  const stored = await listRuns();
  const summaryOfLive = (resumable: boolean): RunSummary => runSummary(summaryOf(live!.record), resumable);
  // A run whose first checkpoint had no room is only on the GPU.
  const unsaved = live && !stored.some(({ run }) => run.id === live.id) ? [summaryOfLive(true)] : [];
  const saved = stored.map(async ({ run, resumable }) => {
    if (live && isHere(live, run, { busy, elsewhere })) return summaryOfLive(resumable);
    const now = standing(run, resumable, elsewhere);
    return runSummary(await withReading(now.run, now.resumable), now.resumable);
  });
  return [...unsaved, ...(await Promise.all(saved))];
}

/** A run with its curve; the parameters are those of {@link listOfRuns}. @throws GraftError `run-missing` */
export async function readOfRun(id: string, live: LiveRun | undefined, busy: boolean): Promise<RunRecord> {
  const elsewhere = !busy && (await someTabTrains());
  const kept = await readRun(id);
  if (live?.id === id && (!kept || isHere(live, summaryOf(kept.run), { busy, elsewhere })))
    return runRecord(live.record, kept?.resumable ?? true);
  if (!kept)
    throw new GraftError(
      'run-missing',
      'This run is not kept any more.',
      'It was deleted, perhaps in another tab: choose another.',
    );
  const now = standing(kept.run, kept.resumable, elsewhere);
  return runRecord(now.run, now.resumable);
}

interface Trained {
  /** In this tab. */
  readonly busy: boolean;
  /** In another one. */
  readonly elsewhere: boolean;
}

/** Whether the stored run is still this tab's: another tab may have resumed or ended it. */
function isHere(live: LiveRun, { id, status, step }: StoredSummary, { busy, elsewhere }: Trained): boolean {
  if (live.id !== id) return false;
  const ended = status === 'done' || status === 'stopped' || status === 'cancelled';
  return busy || (step <= live.step && !ended && !(elsewhere && status === 'running'));
}

/** The status of a run of another tab: a running one was left by a tab that closed, unless another tab trains now. */
function standing<Run extends Pick<StoredRun, 'status'>>(
  run: Run,
  resumable: boolean,
  elsewhere: boolean,
): { readonly run: Run; readonly resumable: boolean } {
  if (run.status !== 'running') return { run, resumable };
  return elsewhere ? { run, resumable: false } : { run: { ...run, status: 'paused' }, resumable };
}

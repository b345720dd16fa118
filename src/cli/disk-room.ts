/** Whether the disk has room for the states that a run will save. */
import { resolve } from 'node:path';
import { checkRoom, savedStateBytes } from '../runs/room.ts';
import type { RunRows } from '../runs/store.ts';
import type { TrainedSubject } from '../runs/trainable.ts';
import { freeBytes } from './files.ts';
import { countSaved, type SavedRun } from './saved-run.ts';

interface Saving {
  readonly out: string;
  readonly subject: TrainedSubject;
  readonly resumed: SavedRun | undefined;
}

/** @throws GraftError `run-room` if there is none, next to the states that are there */
export async function checkDisk({ out, subject, resumed }: Saving, rows: RunRows): Promise<void> {
  const free = await freeBytes(out);
  if (free === undefined) return;
  checkRoom({
    state: savedStateBytes(subject, rows),
    free,
    saved: resumed ? countSaved(out) : 0,
    where: `in ${resolve(out)}`,
    remedy: (missing) =>
      `Free ${missing} there, or name a folder on another disk with --out.${subject.adapter ? '' : ' An adapter (--method lora) takes far less.'}`,
  });
}

/** The last state of a run that ended with an adapter, among the files of its result: other programs continue from it (`graft export --run`). */
import { readState, writeState, type SavedState } from '../train/state-files.ts';
import { folder } from './files.ts';

/** Before the names of a saved state: a folder with these files is not one that `--resume` continues. */
const BEFORE = 'run-';

export function endedFiles(saved: SavedState): Record<string, Uint8Array<ArrayBuffer>> {
  return Object.fromEntries(
    Object.entries(writeState(saved)).map(([name, bytes]) => [`${BEFORE}${name}`, bytes]),
  );
}

/** @throws GraftError `state-missing` for a folder without one, `state-format` */
export function readEnded(path: string): Promise<SavedState> {
  const files = folder(path);
  return readState({ ...files, open: (name) => files.open(`${BEFORE}${name}`) });
}

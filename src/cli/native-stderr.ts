/** Keeps native libraries from writing to standard error: what they print there goes past Node, straight to file descriptor 2. */
import { closeSync, constants, openSync } from 'node:fs';
import { devNull } from 'node:os';

const STDERR = 2;
/** For a regular file, appending goes on where it ended; for a pipe or a terminal it changes nothing. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND;

/**
 * Leads file descriptor 2 into nothing until the returned function is called. Dawn warns there of limits of a driver that it lowers, at each
 * start, and has no switch for that. Node cannot duplicate a descriptor, so the file behind it is opened anew by its name, which works for
 * terminals, pipes and files; where it does not (Windows, sockets), nothing changes.
 */
export function silenceNative(): () => void {
  let kept: number | undefined;
  try {
    kept = openSync(`/dev/fd/${STDERR}`, FLAGS);
    swap(devNull);
  } catch {
    if (kept !== undefined) closeSync(kept);
    return () => undefined;
  }
  const original = kept;
  return () => {
    swap(`/dev/fd/${original}`);
    closeSync(original);
  };
}

/** The lowest free descriptor is the next that is opened: the one that was just closed. */
function swap(path: string): void {
  closeSync(STDERR);
  openSync(path, FLAGS);
}

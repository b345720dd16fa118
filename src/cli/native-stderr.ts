/** Keeps native libraries from writing to standard error: their output goes past Node, straight to file descriptor 2. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';

const STDERR = 2;
/** For a regular file that is appended to; for a pipe or a terminal it changes nothing. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND;

/**
 * Discards what is written to file descriptor 2 until the returned function is called. At each start Dawn warns there of driver limits that it
 * lowers, and has no switch for that. Node cannot duplicate a descriptor, so the file behind it is opened anew by name. That works for terminals,
 * pipes and files that are appended to; elsewhere (Windows, sockets, other files) nothing changes.
 */
export function silenceNative(): () => void {
  let kept: number | undefined;
  try {
    if (sharesPlace()) return () => undefined;
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

/**
 * Whether standard error is a file whose place of writing is shared with whoever has the same descriptor: standard output after
 * `> log 2>&1`, and the shell. Opened anew, it would have its own position, and they would overwrite each other. On macOS, opening
 * /dev/fd/2 duplicates the descriptor instead.
 */
function sharesPlace(): boolean {
  if (process.platform !== 'linux' || !fstatSync(STDERR).isFile()) return false;
  const [, flags] = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${STDERR}`, 'utf8')) ?? [];
  return (parseInt(flags, 8) & constants.O_APPEND) === 0;
}

/** The lowest free descriptor is the next that is opened: the one that was just closed. */
function swap(path: string): void {
  closeSync(STDERR);
  openSync(path, FLAGS);
}

/** What the command prints: results on standard output, everything else on standard error. */

export interface Output {
  /** A line that stays. */
  line(text: string): void;
  /**
   * Progress. On a terminal it replaces the progress before it. Elsewhere it is a line of its own, at most one every few seconds and none
   * in the first few, so that a short command leaves nothing in a log; a line that matters is always printed.
   */
  progress(text: string, matters?: boolean): void;
  /** Text of the result, for standard output: unchanged, without an added line end. */
  result(text: string): void;
  /** Takes progress off the terminal's line. */
  clear(): void;
}

const PLAIN_INTERVAL_MS = 5_000;
const TERMINAL_INTERVAL_MS = 80;
/** The width where a terminal does not tell its own. */
const USUAL_COLUMNS = 80;

export function createOutput(
  stream: NodeJS.WriteStream = process.stderr,
  results: NodeJS.WritableStream = process.stdout,
): Output {
  const terminal = stream.isTTY;
  // A closed terminal takes no more lines; the command continues.
  stream.on('error', () => undefined);
  let moving = false;
  let last = performance.now();
  const clear = (): void => {
    if (moving) stream.write('\r\x1b[2K');
    moving = false;
  };
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    result(text) {
      clear();
      results.write(text);
    },
    clear,
    progress(text, matters = false) {
      const now = performance.now();
      if (!matters && now - last < (terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
      last = now;
      if (terminal) {
        stream.write(`\r\x1b[2K${text.slice(0, (stream.columns || USUAL_COLUMNS) - 1)}`);
        moving = true;
      } else stream.write(`${text}\n`);
    },
  };
}

export { formatBytes } from '../numbers.ts';

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`;
}

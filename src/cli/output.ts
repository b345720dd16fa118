/** What the command prints: results on standard output, everything else on standard error. */
import { printable } from '../printable.ts';
import { standardError, standardOutput, type TextStream } from './streams.ts';

export interface Output {
  /** The width of a terminal that gets the results, if it reports it. */
  readonly columns?: number | undefined;
  /** A line that stays. */
  line(text: string): void;
  /**
   * Progress. On a terminal it replaces the progress before it. Elsewhere, and on a terminal without escape sequences (NO_COLOR, TERM=dumb), it is a
   * line of its own, at most one every few seconds and none in the first few, so that a short command leaves nothing in a log; a line that matters is
   * always printed.
   */
  progress(text: string, matters?: boolean): void;
  /**
   * Text of the result, for standard output, without an added line end: unchanged for a program or a file, printable on a terminal.
   *
   * @throws GraftError `file-write` if it or text before it could not be written
   */
  result(text: string): void;
  /** Takes progress off the terminal's line. */
  clear(): void;
}

/** The output of the process, which waits for it at its end. */
export interface WholeOutput extends Output {
  /** Waits until everything is written. @throws GraftError `file-write` if a result could not be written */
  flush(): Promise<void>;
}

const PLAIN_INTERVAL_MS = 5_000;
const TERMINAL_INTERVAL_MS = 80;
/** The width if a terminal does not tell its own. */
const USUAL_COLUMNS = 80;

/** @param openResults makes the stream of results, given what to call with a failed write */
export function createOutput(
  messages: TextStream = standardError(),
  openResults: (failed: (error: Error) => void) => TextStream = standardOutput,
): WholeOutput {
  let failure: Error | undefined;
  const results = openResults((error) => (failure ??= error));
  const check = (): void => {
    if (failure) throw failure;
  };
  let moving = false;
  let last = performance.now();
  const clear = (): void => {
    if (moving) messages.write('\r\x1b[2K');
    moving = false;
  };
  return {
    get columns() {
      return results.columns;
    },
    line(text) {
      clear();
      messages.write(`${printable(text)}\n`);
    },
    result(text) {
      check();
      clear();
      results.write(results.isTerminal ? printable(text) : text);
      check();
    },
    clear,
    progress(text, matters = false) {
      const now = performance.now();
      if (!matters && now - last < (messages.takesEscapes ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
      last = now;
      const line = printable(text).replaceAll(/\s*\n\s*/g, ' ');
      if (messages.takesEscapes) {
        messages.write(`\r\x1b[2K${line.slice(0, (messages.columns || USUAL_COLUMNS) - 1)}`);
        moving = true;
      } else messages.write(`${line}\n`);
    },
    async flush() {
      await Promise.all([results.flush(), messages.flush()]);
      check();
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

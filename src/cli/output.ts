/** What the command prints: a line that moves on a terminal, plain lines elsewhere. */

export interface Output {
  /** A line that stays. */
  line(text: string): void;
  /** Progress: replaces itself on a terminal; elsewhere a line at most every few seconds, unless it matters. */
  progress(text: string, matters?: boolean): void;
}

const PLAIN_INTERVAL_MS = 5_000;

/** Prints to standard error, so that a command's result on standard output stays clean. */
export function createOutput(stream: NodeJS.WriteStream = process.stderr): Output {
  const terminal = stream.isTTY;
  let moving = false;
  let last = -Infinity;
  return {
    line(text) {
      if (moving) stream.write('\r\x1b[2K');
      moving = false;
      stream.write(`${text}\n`);
    },
    progress(text, matters = false) {
      if (terminal) {
        stream.write(`\r\x1b[2K${text.slice(0, Math.max(20, stream.columns - 1))}`);
        moving = true;
        return;
      }
      const now = performance.now();
      if (!matters && now - last < PLAIN_INTERVAL_MS) return;
      last = now;
      stream.write(`${text}\n`);
    },
  };
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

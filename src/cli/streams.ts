/**
 * Standard output and standard error of this process. Only this file names them (a lint rule), so that each write is checked and each text that a
 * terminal gets is printable.
 */
import { fstatSync, fsyncSync, writeSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import { EXIT } from './exit.ts';
import { unwritten } from './files.ts';

/** Where text goes. */
export interface TextStream {
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** Whether it is a terminal that may be sent escape sequences. */
  readonly takesEscapes: boolean;
  /** The width of a terminal that reports it. */
  readonly columns: number | undefined;
  write(text: string): void;
  /** Waits until everything is written. */
  flush(): Promise<void>;
}

/** Escape sequences are not for those who ask for none (https://no-color.org), nor for a terminal that knows none. */
const takesEscapes = ({ isTTY }: NodeJS.WriteStream): boolean =>
  isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

/** Errors of a flush by which written bytes are lost. Others mean that there is nothing to flush. */
const LOST = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG']);

/**
 * A stream of this process. A file gets its bytes here: Node writes once to it, and on a disk that is nearly full drops what did not fit without an
 * error.
 *
 * @param failed is called with the error of each write that failed
 */
function streamOf(
  stream: NodeJS.WriteStream,
  descriptor: number,
  failed: (cause: NodeJS.ErrnoException) => void,
): TextStream {
  const direct = isDirect(descriptor);
  let pending = Promise.resolve();
  stream.on('error', failed);
  const guard = (work: () => void): void => {
    try {
      work();
    } catch (cause) {
      failed(cause as NodeJS.ErrnoException);
    }
  };
  return {
    isTerminal: stream.isTTY,
    takesEscapes: takesEscapes(stream),
    get columns() {
      return stream.columns;
    },
    write(text) {
      if (direct) {
        guard(() => {
          const bytes = new TextEncoder().encode(text);
          for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
        });
        return;
      }
      const before = pending;
      const written = new Promise<void>((resolve) =>
        stream.write(text, (cause) => {
          if (cause) failed(cause);
          resolve();
        }),
      );
      pending = before.then(() => written);
    },
    async flush() {
      await pending;
      if (!direct) return;
      guard(() => {
        try {
          fsyncSync(descriptor);
        } catch (cause) {
          if (LOST.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
        }
      });
    },
  };
}

/** Whether a descriptor is a file or a device such as /dev/null: not a terminal, a pipe or a socket, whose writes Node may have to wait for. */
function isDirect(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor);
    return !isatty(descriptor) && (stat.isFile() || stat.isCharacterDevice() || stat.isBlockDevice());
  } catch {
    // Some devices of Windows have no stat: Node knows how to write to them.
    return false;
  }
}

/**
 * For results. A reader that closes it early (`graft … | head`) ends the command quietly.
 *
 * @param failed is called with a GraftError `file-write` for each other failure
 */
export function standardOutput(failed: (error: Error) => void): TextStream {
  return streamOf(process.stdout, 1, (cause) => {
    if (cause.code === 'EPIPE') process.exit(EXIT.fine);
    failed(unwritten('Standard output', cause));
  });
}

/** For everything else. It is expendable: a full disk, a reader that is gone or a closed terminal never ends the work. */
export function standardError(): TextStream {
  return streamOf(process.stderr, 2, () => undefined);
}

/**
 * The lines of standard input; on a terminal with a prompt and keys to edit them. Prompts go to standard error.
 *
 * @param interrupt is called for Ctrl-C on a terminal
 */
export function readLines(interrupt: () => void): Interface {
  const isTerminal = process.stdin.isTTY;
  const terminal = isTerminal && takesEscapes(process.stderr);
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal, prompt: '> ' });
  lines.on('SIGINT', interrupt);
  // Without escape sequences the terminal itself edits the line, and sends a signal.
  if (isTerminal && !terminal) {
    process.on('SIGINT', interrupt);
    lines.on('close', () => void process.off('SIGINT', interrupt));
  }
  return lines;
}

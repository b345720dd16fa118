/** The log of real use that `graft serve --log` writes: a line of JSON for each answer, in a file that only its owner reads. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { GraftError, messageOf } from '../errors.ts';
import { unwritten } from './files.ts';
import type { ServedAnswers } from './serve-texts.ts';

export interface ServeLog {
  readonly keep: (served: ServedAnswers) => void;
  readonly close: () => void;
}

/** Read and written by its owner: it has what people asked. */
const OWNER_ONLY = 0o600;

/**
 * Opens the file to append to it.
 *
 * @param warn called once if a line cannot be written; nothing is logged from then on, and requests are answered as before
 * @throws GraftError `file-write`
 */
export function openServeLog(path: string, warn: (text: string) => void): ServeLog {
  let file: number | undefined;
  try {
    file = openSync(path, 'a+', OWNER_ONLY);
    if (endsInLine(file)) writeSync(file, '\n');
  } catch (cause) {
    throw unwritten(path, cause);
  }
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    close,
    keep(served) {
      if (file === undefined) return;
      try {
        writeSync(file, linesOf(served));
      } catch (cause) {
        close();
        const why = cause instanceof GraftError ? cause.what : messageOf(cause);
        warn(`Warning: ${path} cannot be written (${why}). Answers are no longer logged.`);
      }
    },
  };
}

/** Whether a file ends within a line, as after a fall of the machine: the next line would be lost with it. */
function endsInLine(file: number): boolean {
  const stats = fstatSync(file);
  if (!stats.isFile() || stats.size === 0) return false;
  const last = Buffer.alloc(1);
  return readSync(file, last, 0, 1, stats.size - 1) === 1 && last.toString() !== '\n';
}

function linesOf({ time, seconds, model, answers }: ServedAnswers): string {
  return answers
    .map(({ asked, text, finish, promptTokens, newTokens }) => {
      const line = {
        time: new Date(time).toISOString(),
        model,
        ...asked,
        answer: text,
        finish_reason: finish,
        prompt_tokens: promptTokens,
        completion_tokens: newTokens,
        seconds: Math.round(1000 * seconds) / 1000,
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join('');
}

/** metrics.jsonl of a run: one line a step, in a file and in memory. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { RunEvent } from '../runs/events.ts';
import { unwritten, writeWhole } from './files.ts';

export const METRICS = 'metrics.jsonl';

/** The validation loss of the untrained adapter, on the line of the first step. */
const BEFORE = 'eval_loss_before';

export interface LoggedStep {
  readonly step: number;
  readonly loss: number;
  readonly seconds: number;
  /** The learning rate of the step. */
  readonly lr?: number;
  /** For a run that learns from rewards. */
  readonly reward?: number;
  /** The validation loss after this step. */
  readonly evalLoss?: number;
  /** On the first step: the validation loss before it. */
  readonly evalLossBefore?: number;
  /** All numbers of the line, by their names; null if there was nothing to measure. */
  readonly report: Readonly<Record<string, number | null>>;
}

const isNumberOrNull = (entry: [string, unknown]): entry is [string, number | null] =>
  entry[1] === null || typeof entry[1] === 'number';

/** The numbers of a line; undefined for a line that a crash cut short. */
export function readLine(line: string): LoggedStep | undefined {
  try {
    const json = JSON.parse(line) as unknown;
    if (!isObject(json)) return undefined;
    const { step, loss, seconds, lr, reward, eval_loss: evalLoss, [BEFORE]: evalLossBefore } = json;
    if (typeof step !== 'number' || typeof loss !== 'number' || typeof seconds !== 'number') return undefined;
    const report = Object.fromEntries(Object.entries(json).filter(isNumberOrNull));
    return {
      ...{ step, loss, seconds, report },
      ...(typeof lr === 'number' && { lr }),
      ...(typeof reward === 'number' && { reward }),
      ...(typeof evalLoss === 'number' && { evalLoss }),
      ...(typeof evalLossBefore === 'number' && { evalLossBefore }),
    };
  } catch {
    return undefined;
  }
}

/** The lines of a log up to a step: a run that is resumed there appends to them. */
export function linesUntil(lines: readonly string[], step: number): string[] {
  return lines.filter((line) => (readLine(line)?.step ?? Infinity) <= step);
}

/**
 * A step's line is written when the next step is done, since an evaluation may come in between. A failed write is not thrown into the trainer, which
 * may have submitted the next step by then: it is kept in {@link failure}, at which the run pauses, and the missing lines are still in memory.
 */
export class MetricsLog {
  /** Why the file can no longer be written: `file-write`, or `file-gone` if the folder was deleted or moved. */
  failure: GraftError | undefined;
  readonly #lines: string[];
  #waiting: Record<string, number | null | Readonly<Record<string, number>>> | undefined;
  /** The validation before the first step, until there is a line for it. */
  #before: number | undefined;

  private constructor(
    private readonly folder: string,
    private readonly handle: number,
    kept: readonly string[],
  ) {
    this.#lines = [...kept];
  }

  /** Begins the file with the lines of steps done before. @throws GraftError `file-write` */
  static async open(folder: string, kept: readonly string[]): Promise<MetricsLog> {
    const path = join(folder, METRICS);
    await writeWhole(path, new TextEncoder().encode(kept.map((line) => `${line}\n`).join('')));
    try {
      return new MetricsLog(folder, openSync(path, 'a'), kept);
    } catch (cause) {
      throw unwritten(path, cause);
    }
  }

  /** Every line of the run so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  add(event: RunEvent): void {
    if (event.type === 'step') {
      this.flush();
      this.#waiting = {
        step: event.step,
        loss: event.loss,
        ...event.report,
        ...(event.tasks && { task_losses: event.tasks }),
        lr: event.lr,
        grad_norm: event.gradNorm,
        supervised_tokens: event.supervisedTokens,
        ...(event.computedTokens !== undefined && {
          tokens: event.tokens,
          computed_tokens: event.computedTokens,
        }),
        seconds: event.seconds,
        ...(this.#before !== undefined && { [BEFORE]: this.#before }),
      };
      this.#before = undefined;
    } else if (event.type === 'eval' && event.step === 0) {
      this.#before = event.loss;
    } else if (event.type === 'eval') {
      if (!this.#waiting) this.#takeBack(event.step);
      if (!this.#waiting) return;
      this.#waiting['eval_loss'] = event.loss;
      for (const [name, value] of Object.entries(event.report ?? {})) this.#waiting[`eval_${name}`] = value;
      if (event.tasks) this.#waiting['eval_task_losses'] = event.tasks;
    }
  }

  /** Adds numbers to the line of the last step. */
  note(values: Readonly<Record<string, number>>): void {
    const last = this.#lines.at(-1);
    if (!this.#waiting && last !== undefined) this.#takeBack(readLine(last)?.step ?? NaN);
    if (this.#waiting) Object.assign(this.#waiting, values);
    this.flush();
  }

  /** Removes the line of this step from the file again: its validation was interrupted, and is repeated when the run is resumed. */
  #takeBack(step: number): void {
    const line = this.#lines.at(-1);
    if (line === undefined || readLine(line)?.step !== step) return;
    this.#lines.pop();
    this.#waiting = JSON.parse(line) as Record<string, number | null | Record<string, number>>;
    const bytes = Buffer.byteLength(`${line}\n`);
    this.#guard(() => ftruncateSync(this.handle, fstatSync(this.handle).size - bytes));
  }

  /** Writes the last step's line. */
  flush(): void {
    if (!this.#waiting) return;
    const line = JSON.stringify(this.#waiting);
    this.#waiting = undefined;
    this.#lines.push(line);
    this.#guard(() => {
      const bytes = new TextEncoder().encode(`${line}\n`);
      for (let done = 0; done < bytes.length;) done += writeSync(this.handle, bytes, done);
      this.#checkThere();
    });
  }

  /** Writes the waiting lines and flushes the file. */
  sync(): void {
    this.flush();
    this.#guard(() => {
      this.#checkThere();
      fsyncSync(this.handle);
    });
  }

  close(): void {
    closeSync(this.handle);
  }

  #guard(write: () => void): void {
    if (this.failure) return;
    try {
      write();
    } catch (cause) {
      this.failure = unwritten(join(this.folder, METRICS), cause);
    }
  }

  /** A file that was deleted can still be written to, and is lost. @throws GraftError `file-gone` */
  #checkThere(): void {
    const there = statSync(join(this.folder, METRICS), { throwIfNoEntry: false });
    if (there?.ino === fstatSync(this.handle).ino) return;
    throw new GraftError(
      'file-gone',
      `${join(this.folder, METRICS)} was deleted or moved while the run wrote to it.`,
      'Put the folder back, or give another --out.',
    );
  }
}

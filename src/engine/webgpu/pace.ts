/**
 * Keeps submits short and the queue short. Drivers end a submit that runs for seconds, and the screen stands still while one runs; work that is queued for
 * seconds cannot be paused. What a run of a plan took decides how the next ones are cut.
 */
import type { Command } from '../lowering.ts';
import { SUBMIT_SECONDS, type Tuning } from './tuning.ts';

/** Shorter runs teach nothing: the wait for the end of work may be a tenth of a second (work-clock.ts), and their submits are short enough. */
const LEARN_SECONDS = 0.25;
/** Changes of speed by less than this factor leave the submits as they are. */
const CHANGE = 1.25;
/** The most that a device is taken to be faster than its tuning says. */
const MAX_FASTER = 10;
/** How far the queue may run ahead of the device. */
const AHEAD_SECONDS = 1;
/** Runs that are queued while no speed is known. */
const UNKNOWN_RUNS = 2;

/** How many full submits a command is, by its operations and by the bytes of its operands, each of which is read or written once. */
export function submitsOf(
  { flops, operands }: Pick<Command, 'flops' | 'operands'>,
  { flopsPerSubmit, bytesPerSubmit }: Pick<Tuning, 'flopsPerSubmit' | 'bytesPerSubmit'>,
): number {
  let bytes = 0;
  for (const tensor of new Set(operands)) bytes += tensor.bytes;
  return flops / flopsPerSubmit + bytes / bytesPerSubmit;
}

/** A dispatch is cut into this many at most: a run that would need more is too large for its device in any case, and has to be planned to say so. */
const MAX_PIECES = 32;

/** Into how many parts a dispatch is cut, so that each fits in a submit. @param flops floating-point operations of all of it, and of a submit */
export const dispatchPieces = (flops: number, flopsPerSubmit: number): number =>
  Math.min(MAX_PIECES, Math.ceil(flops / flopsPerSubmit));

/** Commands in groups of at most one full submit each; a larger command has its own. @param slowness times as slow as the tuning says */
export function splitIntoSubmits<D extends Command>(
  commands: readonly D[],
  tuning: Pick<Tuning, 'flopsPerSubmit' | 'bytesPerSubmit'>,
  slowness: number,
): D[][] {
  const groups: D[][] = [[]];
  let filled = 0;
  for (const command of commands) {
    const part = slowness * submitsOf(command, tuning);
    if (filled > 0 && filled + part > 1) {
      groups.push([]);
      filled = 0;
    }
    filled += part;
    groups[groups.length - 1].push(command);
  }
  return groups;
}

/** What a pace needs of a device: seconds, and the end of everything submitted. */
export interface PacedQueue {
  readonly now: () => number;
  readonly done: () => Promise<unknown>;
}

interface Run {
  readonly submits: number;
  readonly done: Promise<void>;
}

/** The speed of a device, from the runs of its plans. */
export class Pace {
  #slowness = 1;
  #known = false;
  /** When the latest run was seen to be done. */
  #last = -Infinity;
  /** Runs that are not done, in order. */
  readonly #runs: Run[] = [];

  constructor(private readonly queue: PacedQueue) {}

  /** How many times as long work takes as the tuning says. It changes only by much. */
  get slowness(): number {
    return this.#slowness;
  }

  /** Forgets the speed: other kernels take over. */
  reset(): void {
    this.#slowness = 1;
    this.#known = false;
  }

  /** Notes a run that was submitted. @param submits full submits, by the tuning */
  submitted(submits: number): void {
    const start = this.queue.now();
    const finish = (): void => {
      const end = this.queue.now();
      // A run starts when the one before is done.
      const seconds = end - Math.max(start, this.#last);
      this.#last = end;
      this.#runs.shift();
      this.#known = true;
      if (submits > 0 && seconds >= LEARN_SECONDS) this.#learn(seconds / (submits * SUBMIT_SECONDS));
    };
    // The failure of a lost device is reported where it is used next.
    this.#runs.push({ submits, done: this.queue.done().then(finish, finish) });
  }

  /** Waits until the device is at most about a second behind. */
  async catchUp(): Promise<void> {
    while (this.#isFarAhead()) await this.#runs[0].done;
  }

  #isFarAhead(): boolean {
    if (!this.#known) return this.#runs.length >= UNKNOWN_RUNS;
    const submits = this.#runs.reduce((sum, run) => sum + run.submits, 0);
    return this.#runs.length > 1 && submits * this.#slowness * SUBMIT_SECONDS > AHEAD_SECONDS;
  }

  /** Slower work counts at once, faster work half: the next run may meet the slowness again. */
  #learn(slowness: number): void {
    const min = Math.max(slowness, 1 / MAX_FASTER);
    if (min > this.#slowness * CHANGE) this.#slowness = min;
    else if (min < this.#slowness / CHANGE) this.#slowness = Math.sqrt(this.#slowness * min);
  }
}

/** How many rows a measurement asks if a person chose no number: all of them if that takes under a minute, else as many as fit into one. */
import { secondsPerRow } from '../../evaluate/costs.ts';
import type { Evaluation, Failure, GraftWorker, OnProgress, Progress, Sample } from '../../worker/api.ts';

/** A measurement that nobody sized takes about this long at most. */
const LIMIT_SECONDS = 60;
/** Rows of the base model that are timed first. Fewer rows than this are simply measured. */
const TIMED_ROWS = 16;
/** Fewer rows than this say too little, however long they take. */
const MIN_ROWS = 20;
/** Rows where nothing could be timed, as of text that asks for nothing. */
const UNTIMED_ROWS = 100;
/** A prompt is longer than the question, and has a loss of its own. */
const PROMPT_COST = 1.5;
/** Nearly all rows are worth all of them. */
const NEARLY_ALL = 0.8;

/** The cost of one row in answers of the base model. @param adapters how many are measured */
export function measuringCost(adapters: number, { prompting }: Pick<Sample, 'prompting'>): number {
  const prompts = prompting ? (prompting.shots > 0 ? 3 : 1) : 0;
  return 1 + adapters + PROMPT_COST * prompts;
}

/**
 * @param seconds of one answer of the base model
 * @param cost of one row in such answers
 * @param available rows, of each of so many tasks
 */
export function rowsWithin(
  seconds: number,
  cost: number,
  { available, tasks }: { readonly available: number; readonly tasks: number },
): number {
  const within = LIMIT_SECONDS / (seconds * cost * tasks);
  if (within >= NEARLY_ALL * available) return available;
  return Math.min(available, Math.max(MIN_ROWS, 10 * Math.floor(within / 10)));
}

/** The speed of answers, from progress as it comes. The time before the first row compiles shaders, and does not count. */
export class AnswerSpeed {
  #from: { readonly done: number; readonly at: number } | undefined;
  #to: { readonly done: number; readonly at: number } | undefined;

  /** @param now milliseconds, of any clock that does not jump */
  follow({ what, by, done }: Progress, now: number): void {
    if (what !== 'answering' || by !== 'base' || done <= 0) return;
    if (this.#from) this.#to = { done, at: now };
    else this.#from = { done, at: now };
  }

  /** Undefined while nothing was timed, as if all answers were known. */
  get secondsPerRow(): number | undefined {
    if (!this.#from || !this.#to || this.#to.done <= this.#from.done) return undefined;
    return (this.#to.at - this.#from.at) / 1000 / (this.#to.done - this.#from.done);
  }
}

/** The rows that can be asked, of each of so many tasks, by so many adapters; and an earlier measurement. */
interface Unsized {
  readonly available: number;
  readonly tasks: number;
  readonly adapters: number;
  readonly own: Evaluation | undefined;
}

/**
 * Times some answers of the base model, which the worker keeps.
 *
 * @param sample that is to be measured
 * @returns how many rows of it fit, or why it cannot be known
 */
export async function timedRows(
  worker: Pick<GraftWorker, 'evaluate'>,
  sample: Sample,
  { available, tasks, adapters, own }: Unsized,
  { onProgress, signal }: { readonly onProgress: OnProgress; readonly signal: AbortSignal },
): Promise<number | Failure> {
  if (available <= TIMED_ROWS) return available;
  const speed = new AnswerSpeed();
  const { scorers: _, prompting: __, forgetting: ___, ...bare } = sample;
  const few: Sample = { ...bare, rows: TIMED_ROWS, lossOf: 'asked', answersOnly: true };
  const hear = (progress: Progress): void => {
    speed.follow(progress, performance.now());
    onProgress(progress);
  };
  const outcome = await worker.evaluate([], few, hear, signal);
  if (!outcome.ok) return outcome;
  if (outcome.stopped)
    return {
      code: 'worker-aborted',
      what: 'The measurement was stopped.',
      remedy: 'Start it again when you like.',
    };
  const { secondsPerRow: timed } = speed;
  if (timed !== undefined) return rowsWithin(timed, measuringCost(adapters, sample), { available, tasks });
  // All answers were known: an earlier measurement knows the time of a whole row.
  const known = own && secondsPerRow(own);
  return known === undefined
    ? Math.min(available, UNTIMED_ROWS)
    : rowsWithin(known, 1, { available, tasks: 1 });
}

/** Long work in slices: between them the worker takes calls of the page, reports progress, and stops on request. */
import { GraftError } from '../errors.ts';
import type { Step } from '../export/adapter-zip.ts';
import type { Progress } from './api.ts';

/** Short enough that the page hardly waits for an answer, long enough that the pauses cost little. */
const SLICE_MS = 40;
/** Beside a run, whose steps need the worker for a moment each. */
const SLICE_BESIDE_RUN_MS = 10;

export class Slices {
  #since = performance.now();

  constructor(
    private readonly onProgress: (progress: Progress) => void,
    private readonly signal: AbortSignal,
    private readonly besideRun: () => boolean = () => false,
  ) {}

  /** Whether it is time for {@link pause}: asked after every row, so it must cost nothing. */
  get due(): boolean {
    return performance.now() - this.#since > (this.besideRun() ? SLICE_BESIDE_RUN_MS : SLICE_MS);
  }

  /** @throws GraftError `worker-aborted` */
  async pause(progress: Progress): Promise<void> {
    this.onProgress(progress);
    // A task and not a microtask: messages of the page come in between.
    await new Promise((resolve) => setTimeout(resolve));
    this.check();
    this.#since = performance.now();
  }

  /** @throws GraftError `worker-aborted` */
  check(): void {
    if (this.signal.aborted) throw readingStopped();
  }

  /**
   * Work that yields the share of it that is done.
   *
   * @param total of which that is a share, for the progress
   * @throws GraftError `worker-aborted`
   */
  async through<Result>(
    what: Progress['what'],
    total: number,
    work: Generator<number, Result>,
  ): Promise<Result> {
    let step = work.next();
    for (; step.done !== true; step = work.next())
      if (this.due) await this.pause({ what, done: Math.floor(step.value * total), total });
    return step.value;
  }

  /** Work on every item. @throws GraftError `worker-aborted` */
  async each<Item>(
    what: Progress['what'],
    items: readonly Item[],
    work: (item: Item, index: number) => void,
  ): Promise<void> {
    const total = items.length;
    for (let index = 0; index < total; index++) {
      work(items[index], index);
      if (this.due) await this.pause({ what, done: index + 1, total });
    }
  }
}

/** What a stopped reading ends with: `worker-aborted`. */
export function readingStopped(): GraftError {
  return new GraftError(
    'worker-aborted',
    'Reading was stopped.',
    'The rows that were open before still are.',
  );
}

/** The progress of long work, and its end on request. */
export interface SliceWatch {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Reports progress and lets the worker take calls of the page, a few times a second. */
export function stepping(what: Progress['what'], { onProgress, signal }: SliceWatch): Step {
  const slices = new Slices(onProgress, signal);
  return async (done, total) => {
    slices.check();
    if (slices.due || done === total) await slices.pause({ what, done, total });
  };
}

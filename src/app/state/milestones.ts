/** Which moments of a run are said aloud: its start, each quarter, a better validation now and then, its end. */
import type { RunStatus, StepPoint } from '../../worker/api.ts';
import { loss } from '../ui/format.ts';

const QUARTERS = 4;
/** A validation that gets better at every look is said so many times in a run at most. */
const BESTS = 8;

const ENDS: Partial<Record<RunStatus, string>> = {
  done: 'The run is done and its adapter is kept.',
  paused: 'The run is paused.',
  stopped: 'The run is stopped and its adapter is kept.',
  cancelled: 'The run is discarded.',
  failed: 'The run failed.',
};

export class Milestones {
  #quarter = 0;
  #saidBest = -Infinity;
  #steps = 1;

  /** @param first the first step that is seen here: of the run, or after a resumption */
  step({ step, steps, loss: value }: StepPoint, first: boolean): string | undefined {
    const quarter = Math.floor((QUARTERS * step) / steps);
    const entered = quarter > this.#quarter;
    this.#quarter = quarter;
    this.#steps = steps;
    if (first) return `Training has started: step ${step} of ${steps}, loss ${loss(value)}.`;
    return entered && quarter < QUARTERS ? `Step ${step} of ${steps}, loss ${loss(value)}.` : undefined;
  }

  evaluation(step: number, value: number, best: boolean): string | undefined {
    if (!best || step - this.#saidBest < this.#steps / BESTS) return undefined;
    this.#saidBest = step;
    return `Step ${step}: validation loss ${loss(value)}, the best so far.`;
  }

  end(status: RunStatus, last: StepPoint | undefined): string | undefined {
    const words = ENDS[status];
    return words && last ? `${words} Step ${last.step} of ${last.steps}, loss ${loss(last.loss)}.` : words;
  }
}

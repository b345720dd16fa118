/** Which moments of a run are said aloud: its start, each quarter, a better validation now and then, its end. */
import type { Reading, RunStatus, RunSummary, StepPoint } from '../../worker/api.ts';
import { fromTo, isAlarm, startOf } from '../../evaluate/reading-brief.ts';
import { threeDigits } from '../../numbers.ts';

/** Not for the first screen. */
const load = () => import('../../evaluate/reading-words.ts');

const QUARTERS = 4;
/** At most this many improvements of the validation are announced in a run. */
const BESTS = 8;

const ENDS: Partial<Record<RunStatus, string>> = {
  done: 'The run is done, and what it learned is kept.',
  paused: 'The run is paused.',
  stopped: 'The run is stopped, and what it learned is kept.',
  cancelled: 'The run is discarded.',
  failed: 'The run failed.',
};

export class Milestones {
  #quarter = 0;
  #saidBest = -Infinity;
  #saidTrouble: Reading['kind'] | undefined;
  #steps = 1;

  /**
   * @param first the first step that is seen here: of the run, or after a resumption
   * @param smoothed gives the training loss, or the reward, without the noise of its batch
   * @param name which of the two that is
   */
  step(
    { step, steps }: StepPoint,
    first: boolean,
    smoothed: () => number,
    name = 'loss',
  ): string | undefined {
    const quarter = Math.floor((QUARTERS * step) / steps);
    const entered = quarter > this.#quarter;
    this.#quarter = quarter;
    this.#steps = steps;
    if (first) return `Training has started: step ${step} of ${steps}, ${name} ${threeDigits(smoothed())}.`;
    return entered && quarter < QUARTERS
      ? `Step ${step} of ${steps}, ${name} ${threeDigits(smoothed())}.`
      : undefined;
  }

  evaluation(step: number, value: number, best: boolean, name = 'loss'): string | undefined {
    if (!best || step - this.#saidBest < this.#steps / BESTS) return undefined;
    this.#saidBest = step;
    return `Step ${step}: validation ${name} ${threeDigits(value)}, the best so far.`;
  }

  /** What went wrong in a run that still trains, by its curve: each trouble once. A run that broke off has its failure instead. */
  async trouble(reading: Reading, options: RunSummary['options'] | undefined): Promise<string | undefined> {
    if (reading.kind === 'not-finite' || !isAlarm(reading)) return undefined;
    if (this.#saidTrouble === reading.kind) return undefined;
    this.#saidTrouble = reading.kind;
    const { name, how, advice } = (await load()).describeReading(reading, true, startOf(options));
    return `The run is ${name}. ${how} ${advice}`;
  }

  /** The verdict is that of the page. */
  async end(
    {
      status,
      options,
      reading,
      forgetting,
    }: Pick<RunSummary, 'status' | 'options' | 'reading' | 'forgetting'>,
    last: StepPoint | undefined,
  ): Promise<string | undefined> {
    const words = ENDS[status];
    if (!words || !last) return words;
    const went = reading && fromTo(reading);
    const where = `${words} Step ${last.step} of ${last.steps}${went ? `, ${went}` : ''}.`;
    if (!reading || status === 'cancelled') return where;
    const { how, advice } = (await load()).describeReading(
      reading,
      status === 'paused',
      startOf(options),
      forgetting,
    );
    return `${where} ${how} ${advice}`.trim();
  }
}

/** The warning of a run that will take long: the command has no form that forecasts it, so the first steps tell. */
import type { StepEvent } from '../train/events.ts';
import { formatSeconds } from './output.ts';

const LONG_SECONDS = 3600;
/** The first step is slower than the others, so a forecast needs a few. */
const STEPS_TO_TELL = 3;

export class LongRunWarning {
  #seen = 0;

  /** @returns the warning, once, after the third step of this process, if more than an hour is left */
  after({ secondsLeft }: Pick<StepEvent, 'secondsLeft'>): string | undefined {
    this.#seen++;
    if (this.#seen !== STEPS_TO_TELL || secondsLeft <= LONG_SECONDS) return undefined;
    return `Warning: about ${formatSeconds(secondsLeft)} are left. Fewer --steps, a lower --max-length or a smaller model make a run shorter. Ctrl-C saves it, and --resume continues it.`;
  }
}

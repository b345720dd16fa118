/** The phase of a run between its steps, in words and numbers, shared by the head, the list of preparations and the status line. */
import type { Progress, RunPhase } from '../../worker/api.ts';
import { bytes } from '../ui/format.ts';
import { count, duration } from '../../numbers.ts';

export interface Doing {
  readonly name: string;
  /** Its progress, and the time left if that is long. */
  readonly fact: string;
  readonly done: number;
  /** 0 if it is not known how far it is. */
  readonly total: number;
}

/** Shorter waits show no seconds. */
const LONG_SECONDS = 10;

const left = (seconds: number | undefined): string =>
  seconds !== undefined && seconds >= 1 ? `, about ${duration(seconds)} left` : '';

/** What a run does between its steps. */
export function phaseDoing(phase: RunPhase): Doing {
  switch (phase.kind) {
    case 'validating': {
      const { step, done, total, seconds } = phase;
      const name = step === 0 ? 'Validating the base model' : 'Validating';
      return { name, fact: `${count(done)} of ${count(total)} rows${left(seconds)}`, done, total };
    }
    case 'answering': {
      const { step, done, total } = phase;
      const name = step === 0 ? 'The base model answers the prompt' : 'Answering the prompt';
      return { name, fact: `${done} of at most ${total} tokens`, done, total };
    }
    case 'starting': {
      const { what, done, total, seconds } = phase;
      return what === 'reading'
        ? {
            name: 'Reading activations',
            fact: `${count(done)} of at most ${count(total)} batches`,
            done,
            total,
          }
        : {
            name: 'Finding singular vectors',
            fact: `${count(done)} of ${count(total)} matrices${left(seconds)}`,
            done,
            total,
          };
    }
    case 'reference': {
      const { done, total } = phase;
      const fact = `${count(done)} of ${count(total)} rows`;
      return { name: 'Asking the reference policy', fact, done, total };
    }
    case 'sampling': {
      const { step, done, total } = phase;
      const fact = `${Math.floor(done)} of ${total} answers`;
      return { name: `Sampling for step ${count(step)}`, fact, done, total };
    }
    case 'saving':
      return {
        name: phase.step === 0 ? 'Saving the rows and settings' : `Saving step ${count(phase.step)}`,
        fact: '',
        done: 0,
        total: 0,
      };
  }
}

/** @param seconds until it is done, if that is known */
export function compileDoing(
  { done, total }: { readonly done: number; readonly total: number },
  seconds?: number,
): Doing {
  return { name: 'Compiling shaders', fact: `${done} of ${total}${whenLong(seconds)}`, done, total };
}

/** The model that is opened for the run. @param seconds as above */
export function openingDoing({ what, done, total }: Progress, seconds?: number): Doing {
  if (what === 'compiling') return compileDoing({ done, total }, seconds);
  if (what === 'checking')
    return {
      name: 'Comparing the GPU with the CPU',
      fact: `${done} of ${total}${whenLong(seconds)}`,
      done,
      total,
    };
  const fact = total > 0 ? `${bytes(done)} of ${bytes(total)}${whenLong(seconds)}` : '';
  return { name: 'Loading the model', fact, done, total };
}

function whenLong(seconds: number | undefined): string {
  return seconds !== undefined && seconds >= LONG_SECONDS ? left(seconds) : '';
}

/** As a sentence without its full stop. */
export function sentence({ name, fact }: Doing): string {
  return fact ? `${name}: ${fact}` : name;
}

/** The time left of a piece of work at its speed so far. Each piece is timed from when it was first seen. */
export class WorkPace {
  #what: unknown;
  #began = 0;
  #from = 0;

  /**
   * @param what another thing is timed anew
   * @param now milliseconds
   * @returns seconds, or undefined before there is enough to estimate from
   */
  left(what: unknown, done: number, total: number, now: number): number | undefined {
    if (what !== this.#what || done < this.#from) {
      this.#what = what;
      this.#began = now;
      this.#from = done;
    }
    const elapsed = (now - this.#began) / 1000;
    return done > this.#from && elapsed > 0 ? (elapsed * (total - done)) / (done - this.#from) : undefined;
  }
}

/** The time left of a run: its steps, and the validations and answers between them. Pure; all times are seconds. */
import { median } from '../averages.ts';

interface Plan {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Steps between validations, with one at the end; 0 for never. */
  readonly evalEvery: number;
  /** Steps between sample answers; 0 for never. */
  readonly sampleEvery: number;
}

/** Validations after this step, up to the end of the run. */
export function validationsAfter(step: number, { steps, evalEvery }: Plan): number {
  if (evalEvery === 0 || step >= steps) return 0;
  const last = steps % evalEvery === 0 ? 0 : 1;
  return Math.floor(steps / evalEvery) - Math.floor(step / evalEvery) + last;
}

/** Answers after this step, up to the end of the run. */
export function samplesAfter(step: number, { steps, sampleEvery }: Plan): number {
  if (sampleEvery === 0 || step >= steps) return 0;
  return Math.floor(steps / sampleEvery) - Math.floor(step / sampleEvery);
}

/** The time left of work at its speed so far; undefined before there is enough to estimate from. */
export function secondsUntilDone(elapsed: number, done: number, total: number): number | undefined {
  return done > 0 ? (elapsed * (total - done)) / done : undefined;
}

/** Steps, validations and answers that an estimate looks back over. */
const RECENT = 20;

/** An estimate from the recent ones. */
export class RunTimeLeft {
  readonly #took = { step: [] as number[], validation: [] as number[], sample: [] as number[] };

  constructor(private readonly plan: Plan) {}

  took(what: 'step' | 'validation' | 'sample', seconds: number): void {
    const times = this.#took[what];
    times.push(seconds);
    if (times.length > RECENT) times.shift();
  }

  /**
   * Time until the end of the run. Validations or answers count as 0 until one was timed.
   *
   * @param step the last finished one; its validation and answer are still to come
   * @returns undefined while no step was timed
   */
  after(step: number): number | undefined {
    return this.#sum(step, validationsOf(step, this.plan));
  }

  /** The same during the validation of this step. @param seconds until it is done */
  validating(step: number, seconds: number): number | undefined {
    const rest = this.#sum(step, validationsAfter(step, this.plan));
    return rest === undefined ? undefined : seconds + rest;
  }

  #sum(step: number, validations: number): number | undefined {
    const { steps } = this.plan;
    const each = typical(this.#took.step);
    if (each === undefined && step < steps) return undefined;
    return (
      (steps - step) * (each ?? 0) +
      validations * (typical(this.#took.validation) ?? 0) +
      samplesOf(step, this.plan) * (typical(this.#took.sample) ?? 0)
    );
  }
}

/** As `validationsAfter`, including that of the step itself. The base model's is made before the first step. */
const validationsOf = (step: number, plan: Plan): number => validationsAfter(Math.max(0, step - 1), plan);
const samplesOf = (step: number, plan: Plan): number => samplesAfter(Math.max(0, step - 1), plan);

const typical = (values: readonly number[]): number | undefined =>
  values.length > 0 ? median(values) : undefined;

/** Base against one or two adapters on held-out rows; with `base` itself it is the baseline. */
import type { Evaluation as Result, Failure, Progress } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import type { Session } from './session.svelte.ts';

/** One comparison with the base model. */
export interface Measured {
  readonly adapter: AdapterKey;
  readonly result: Result;
}

export class Evaluation {
  /** Of the same rows, in the order in which they were asked for. */
  results = $state.raw<readonly Measured[]>([]);
  dataName = $state('');
  /** Which of how many is measured now, counted from 1. */
  turn = $state.raw({ at: 1, of: 1 });
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  seconds = $state(0);
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get result(): Result | undefined {
    return this.results.at(0)?.result;
  }

  /** What the base model answered is kept by the worker: a second adapter costs its own answers only. */
  async measure(adapters: readonly AdapterKey[], rows: number, dataName: string): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    const start = performance.now();
    const results: Measured[] = [];
    for (const [at, adapter] of adapters.entries()) {
      this.turn = { at: at + 1, of: adapters.length };
      this.progress = { what: 'answering', done: 0, total: 0 };
      const outcome = await this.#session.worker.evaluate(choiceOf(adapter), rows, (progress) => {
        if (this.progress) this.progress = progress;
      });
      if (!outcome.ok) {
        this.progress = undefined;
        // Stopped is what was asked for.
        if (outcome.code !== 'worker-aborted') this.failure = outcome;
        else this.#session.announcer.say('The evaluation is stopped.');
        return;
      }
      results.push({ adapter, result: outcome.evaluation });
    }
    this.progress = undefined;
    this.results = results;
    this.dataName = dataName;
    this.seconds = (performance.now() - start) / 1000;
    this.#session.announcer.say('The evaluation is done.');
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopEvaluation();
  }

  forget(): void {
    this.results = [];
    this.failure = undefined;
  }
}

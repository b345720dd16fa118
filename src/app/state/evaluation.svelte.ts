/** Base against an adapter on held-out rows; with `base` itself it is the baseline. */
import type { Evaluation as Result, Failure, Progress } from '../../worker/api.ts';
import { choiceOf, type AdapterKey } from './adapters.svelte.ts';
import type { Session } from './session.svelte.ts';

export class Evaluation {
  result = $state.raw<Result>();
  /** What the result is of. */
  adapter = $state<AdapterKey>('current');
  dataName = $state('');
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  seconds = $state(0);
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async measure(adapter: AdapterKey, rows: number, dataName: string): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    this.progress = { what: 'evaluating', done: 0, total: 0 };
    const start = performance.now();
    const outcome = await this.#session.worker.evaluate(choiceOf(adapter), rows, (progress) => {
      if (this.progress) this.progress = progress;
    });
    this.progress = undefined;
    if (outcome.ok) {
      this.result = outcome.evaluation;
      this.adapter = adapter;
      this.dataName = dataName;
      this.seconds = (performance.now() - start) / 1000;
      this.#session.announcer.say('The evaluation is done.');
    } else if (outcome.code !== 'worker-aborted') {
      // Stopped is what was asked for.
      this.failure = outcome;
    }
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopEvaluation();
  }

  forget(): void {
    this.result = undefined;
    this.failure = undefined;
  }
}

/** The base model with examples in its prompt: prompting first. */
import type { Failure, FewShotReport, Progress } from '../../worker/api.ts';
import type { Session } from './session.svelte.ts';

export class FewShot {
  /** Examples before each question. */
  shots = $state(4);
  report = $state.raw<FewShotReport>();
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async measure(rows: number): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    this.progress = { what: 'answering', done: 0, total: 0 };
    const outcome = await this.#session.worker.measureFewShot(this.shots, rows, (progress) => {
      if (this.progress) this.progress = progress;
    });
    this.progress = undefined;
    if (outcome.ok) {
      this.report = outcome.report;
      this.#session.announcer.say('The base model was measured with examples in its prompt.');
    } else if (outcome.code !== 'worker-aborted') {
      // Stopped is what was asked for.
      this.failure = outcome;
    }
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopEvaluation();
  }

  forget(): void {
    this.report = undefined;
    this.failure = undefined;
  }
}

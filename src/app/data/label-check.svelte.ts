/** The labels of the open rows as the adapter in use sees them, measured when a person asks for it. */
import type { DataSummary, Failure, PlacedFinding, Progress } from '../../worker/api.ts';
import { choiceOf } from '../use/adapters.svelte.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';

interface Measured {
  /** The rows, as they were read and divided. */
  readonly summary: DataSummary;
  /** The name of the adapter. */
  readonly by: string;
  readonly rows: number;
  readonly finding: PlacedFinding | undefined;
}

class LabelCheck {
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  stopped = $state('');
  #measured = $state.raw<Measured>();
  #request: AbortController | undefined;

  constructor(private readonly studio: Studio) {}

  /** What was measured of the open rows; undefined once they have changed. */
  get measured(): Measured | undefined {
    return this.#measured?.summary === this.studio.data.summary ? this.#measured : undefined;
  }

  /** @param by the name of the adapter in use */
  async start(by: string): Promise<void> {
    const { data, inUse, session } = this.studio;
    const { summary } = data;
    const choice = choiceOf(inUse.key);
    if (this.progress || !summary || choice === 'base') return;
    this.failure = undefined;
    this.stopped = '';
    this.progress = { what: 'checking', done: 0, total: 0 };
    const { signal } = (this.#request = new AbortController());
    const hear = (progress: Progress): void => {
      if (this.progress) this.progress = progress;
    };
    const outcome = await session.worker.checkLabels(choice, hear, signal);
    this.progress = undefined;
    if (outcome.ok) {
      const { finding, measured: rows } = outcome;
      this.#measured = { summary, by, rows, finding };
      session.announcer.say(this.said);
    } else if (outcome.code === 'worker-aborted') this.stopped = `${outcome.what} ${outcome.remedy}`;
    else this.failure = outcome;
  }

  /** The result as a sentence; '' before there is one. */
  get said(): string {
    const { measured } = this;
    if (!measured) return '';
    const { by, rows, finding } = measured;
    return finding
      ? `“${by}” doubts ${finding.count} of ${rows} labels.`
      : `“${by}” finds none of ${rows} labels unlikely.`;
  }

  stop(): void {
    this.#request?.abort();
  }

  end(): void {
    this.stop();
  }
}

export const labelCheckOf = ofProject((studio) => new LabelCheck(studio));

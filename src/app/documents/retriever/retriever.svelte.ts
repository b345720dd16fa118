/** The encoder of the open project's documents, tuned on its questions: what a run would take, the run, and what each encoder finds. */
import type {
  Failure,
  Progress,
  RetrieverChoice,
  RetrieverMeasure,
  RetrieverPlan,
  RunSummary,
} from '../../../worker/api.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import type { Studio } from '../../state/studio.svelte.ts';
import { isOfEncoder } from '../../train/of-encoder.ts';
import { plural } from '../../../numbers.ts';
import { saveFile } from '../../ui/save.ts';
import { TimeLeftClock } from '../../ui/time-left.ts';

/** The settings of the form, which it writes. */
type Choice = { -readonly [Name in keyof RetrieverChoice]: RetrieverChoice[Name] };

/** As the measurements of docs/how-to/retriever.md have them. */
export const RETRIEVER_DEFAULTS = { epochs: 3, negatives: 1, rank: 4, lr: 1e-3 } as const;

class Retriever {
  readonly choice = $state<Choice>({ name: '', ...RETRIEVER_DEFAULTS });
  plan = $state.raw<RetrieverPlan>();
  measures = $state.raw<readonly RetrieverMeasure[]>([]);
  failure = $state.raw<Failure>();
  measuring = $state(false);
  progress = $state.raw<Progress>();
  /** Seconds, if that is known and long. */
  left = $state<number>();
  #request: AbortController | undefined;
  /** Counts what was asked for: only the last answer is shown. */
  #asked = 0;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The name of the next run. */
  get name(): string {
    return this.choice.name.trim() || this.#studio.runs.freeName('Retriever');
  }

  /** The run of an encoder that trains here, or rests and can go on. */
  get run(): RunSummary | undefined {
    const { run, runs } = this.#studio;
    const waiting = runs.list.filter(({ resumable, options }) => resumable && isOfEncoder(options));
    return waiting.find(({ id }) => id === run.record?.id) ?? waiting.at(0);
  }

  /** Looks what a run would take, and what was measured. */
  async look(): Promise<void> {
    const { projects, session } = this.#studio;
    const { id } = projects;
    if (id === undefined) return;
    const asked = ++this.#asked;
    const choice = { ...$state.snapshot(this.choice), name: this.name };
    const [planned, listed] = await Promise.all([
      session.worker.planRetriever(id, choice),
      session.worker.listRetrieverMeasures(id),
    ]);
    if (asked !== this.#asked) return;
    this.plan = planned.ok ? planned.plan : undefined;
    if (listed.ok) this.measures = listed.measures;
    const failed = [planned, listed].find(({ ok }) => !ok);
    this.failure = failed && !failed.ok ? failed : undefined;
  }

  async tune(): Promise<void> {
    const { projects, run, session } = this.#studio;
    const { id } = projects;
    const options = this.plan?.options;
    if (id === undefined || !options || run.active) return;
    const choice = { ...$state.snapshot(this.choice), name: this.name };
    const isDone = run.start({ ...options, name: choice.name }, (hear) =>
      session.worker.startRetriever(id, choice, hear),
    );
    this.choice.name = '';
    await this.#after(isDone);
  }

  /** Saves the rows of the next run, which its command reads. */
  async save(): Promise<void> {
    const { projects, session } = this.#studio;
    const { id } = projects;
    if (id === undefined) return;
    const choice = { ...$state.snapshot(this.choice), name: this.name };
    const outcome = await session.worker.retrieverRows(id, choice);
    if (outcome.ok) saveFile(outcome.name, new Blob([outcome.lines]));
    else this.failure = outcome;
  }

  async resume(summary: RunSummary): Promise<void> {
    await this.#after(this.#studio.run.resume(summary));
  }

  /** What a run has made is measured at once, while its project is open. */
  async #after(ended: Promise<boolean>): Promise<void> {
    const { id } = this.#studio.projects;
    await ended;
    const { projects, run } = this.#studio;
    if (id !== projects.id || !(run.status === 'done' || run.status === 'stopped')) return;
    await this.#studio.adapters.refresh();
    await this.measure();
  }

  /** Measures the encoder as it is and every adapter of it. */
  async measure(): Promise<void> {
    const { projects, session, adapters } = this.#studio;
    const { id } = projects;
    if (id === undefined || this.measuring) return;
    const own = adapters.retrievers.filter(({ projectId }) => projectId === id).map((one) => one.id);
    const left = new TimeLeftClock();
    this.measuring = true;
    this.failure = undefined;
    const { signal } = (this.#request = new AbortController());
    const hear = (progress: Progress): void => {
      if (!this.measuring) return;
      this.progress = progress;
      this.left = left.hear(progress);
    };
    const outcome = await session.worker.measureRetrievers(id, own, hear, signal);
    this.measuring = false;
    this.progress = undefined;
    this.left = undefined;
    if (id !== projects.id) return;
    if (outcome.ok) {
      this.#asked++;
      this.measures = outcome.measures;
      session.announcer.say(
        `${plural(outcome.measures.length, 'encoder is', 'encoders are')} measured on ${plural(outcome.measures.at(0)?.questions ?? 0, 'question')}.`,
      );
    } else if (outcome.code !== 'worker-aborted') this.failure = outcome;
    if (!outcome.ok) await this.look();
  }

  stop(): void {
    this.#request?.abort();
  }

  end(): void {
    this.stop();
  }
}

export const retrieverOf = ofProject((studio) => new Retriever(studio));

/** One project: the state modules, and what goes across them. */
import { Samples, type Sample, type ShownSample } from '../start/samples.svelte.ts';
import { Adapters } from './adapters.svelte.ts';
import { Chat } from './chat.svelte.ts';
import { Data } from './data.svelte.ts';
import { Evaluation } from './evaluation.svelte.ts';
import { Route } from './route.svelte.ts';
import { Run } from './run.svelte.ts';
import { Runs } from './runs.svelte.ts';
import { Session } from './session.svelte.ts';
import { Settings } from './settings.svelte.ts';
import { Task } from './task.svelte.ts';

export class Studio {
  readonly session = new Session();
  readonly route = new Route();
  readonly samples = new Samples();
  readonly task = new Task();
  readonly data = new Data(this.session);
  readonly settings = new Settings(this.session, this.data);
  readonly runs = new Runs(this.session);
  readonly adapters = new Adapters(this.session);
  readonly run = new Run(this.session, (ended) => void (ended ? this.#ended() : this.#saved()));
  readonly baseline = new Evaluation(this.session);
  readonly evaluation = new Evaluation(this.session);
  readonly chat = new Chat(this.session);

  constructor() {
    this.session.whenChanged = () => void this.#readAgain();
    void this.#showLatest();
  }

  /** First visit: the whole path on the bundled model and a sample, with what the sample suggests. */
  async tuneNow(sample: ShownSample): Promise<void> {
    if (this.run.active) return;
    this.route.go('train');
    this.run.prepare();
    const ready = (await this.session.openBundled()) && (await this.openSample(sample));
    if (!ready) {
      this.run.preparing = false;
      this.run.failure = this.session.modelFailure ?? this.data.failure;
      return;
    }
    await this.startRun();
  }

  async openSample(sample: Sample): Promise<boolean> {
    return this.#opened(await this.data.openSample(sample));
  }
  async openFile(file: File): Promise<boolean> {
    return this.#opened(await this.data.openFile(file));
  }
  async openText(name: string, text: string): Promise<boolean> {
    return this.#opened(await this.data.openBytes(name, new TextEncoder().encode(text)));
  }

  async startRun(): Promise<void> {
    if (this.settings.faults.length > 0) {
      this.run.preparing = false;
      return;
    }
    await this.run.start(this.settings.options);
  }

  /** The question of the sample (or of the run) to both sides. A run that trains pauses for it. */
  async askBoth(): Promise<void> {
    if (this.run.active) await this.run.pause();
    this.route.go('use');
    this.#useCurrent();
    this.chat.clear();
    const prompt = this.run.options?.samplePrompt ?? '';
    if (prompt) await this.chat.ask(prompt);
  }

  #useCurrent(): void {
    this.chat.sides = ['base', this.currentAdapter];
  }

  /** The adapter of the run on the screen, by id once it is kept. */
  get currentAdapter(): string {
    if (this.run.status === 'cancelled') return this.adapters.list.at(0)?.id ?? 'base';
    const id = this.run.record?.id;
    const kept = id === undefined ? undefined : this.adapters.list.find(({ runId }) => runId === id);
    if (kept) return kept.id;
    return this.run.points.length > 0 && this.run.isLoaded
      ? 'current'
      : (this.adapters.list.at(0)?.id ?? 'base');
  }

  /** voice 1, voice 2: runs of the same rows stay apart. */
  #nextName(): string {
    const file = this.data.source?.file.name.replace(/\.\w+$/, '') ?? 'run';
    const taken = this.runs.list.map(({ options }) => options.name);
    let number = 1;
    while (taken.includes(`${file} ${number}`)) number++;
    return `${file} ${number}`;
  }

  /** After a reload: the curve that was there. */
  async #showLatest(): Promise<void> {
    await this.runs.refresh();
    const latest = this.runs.resumable ?? this.runs.list.at(0);
    if (latest && !this.run.active && !this.run.record) this.run.show(latest);
  }

  async #readAgain(): Promise<void> {
    if (!this.data.source) return;
    const limit = this.session.model?.maxPositions ?? this.data.options.maxLength;
    const options = { ...this.data.options, maxLength: Math.min(this.data.options.maxLength, limit) };
    this.#opened(await this.data.change(options));
  }

  #opened(well: boolean): boolean {
    if (!well) return false;
    const sample = this.samples.list.find(({ id }) => id === this.data.source?.sample?.id);
    this.settings.suit(this.#nextName(), sample);
    this.chat.prompt = sample?.question ?? '';
    this.baseline.forget();
    this.evaluation.forget();
    return true;
  }

  /** The run that is trained lies in storage for the first time: it is one of the list. */
  async #saved(): Promise<void> {
    await this.runs.refresh();
    const record = this.runs.list.find(({ status }) => status === 'running');
    if (record && this.run.active) this.run.record ??= record;
  }

  async #ended(): Promise<void> {
    await Promise.all([this.runs.refresh(), this.adapters.refresh()]);
    // The name is taken now.
    if (this.runs.list.some(({ options }) => options.name === this.settings.options.name))
      this.settings.set('name', this.#nextName());
    if (this.run.status === 'done' || this.run.status === 'stopped') this.#useCurrent();
  }
}

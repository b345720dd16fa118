/** The base models that this browser keeps, besides the bundled one. */
import type { Failure, KeptModel, ModelRef, Progress } from '../../worker/api.ts';
import { saveFile } from '../ui/save.ts';
import { farWords, TimeLeftClock } from '../ui/time-left.ts';
import { Latest } from '../state/latest.ts';
import type { SessionState } from '../state/session.svelte.ts';

export class ModelsState {
  list = $state.raw<readonly KeptModel[]>([]);
  loaded = $state(false);
  failure = $state.raw<Failure>();
  #request: AbortController | undefined;
  readonly #listed = new Latest(
    () => this.#session.worker.listModels(),
    (outcome) => {
      this.loaded = true;
      if (outcome.ok) this.list = outcome.models;
      else this.failure = outcome;
    },
  );
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  get bytes(): number {
    return this.list.reduce((sum, model) => sum + model.bytes, 0);
  }

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  /** The model that is being packed into a zip. */
  saving = $state<string>();
  /** How far that is, in words. */
  detail = $state('');

  /** Downloads a model as a zip of its folder. @param base the model that it was tuned from: then the zip has a delta */
  async save(name: string, base?: ModelRef): Promise<void> {
    if (this.saving !== undefined) return;
    this.saving = name;
    const left = new TimeLeftClock();
    const report = (progress: Progress): void => {
      if (this.saving === name) this.detail = farWords(progress, left.hear(progress));
    };
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#session.worker.exportModel(name, undefined, report, base, signal);
    this.saving = undefined;
    this.detail = '';
    this.failure = undefined;
    if (!outcome.ok) {
      if (outcome.code === 'worker-aborted') this.#session.announcer.say('Saving the model was stopped.');
      else this.failure = outcome;
      return;
    }
    if (outcome.zip) saveFile(outcome.name, outcome.zip);
    this.#session.announcer.say(`${outcome.name} is downloaded.`);
  }

  stopSaving(): void {
    this.#request?.abort();
  }

  async remove(name: string): Promise<void> {
    const outcome = await this.#session.worker.deleteModel(name);
    if (outcome.ok) {
      this.failure = undefined;
      if (this.#session.model?.name === name && !this.#session.model.bundled) this.#session.forgetModel();
      this.#session.announcer.say(`The model ${name} is deleted.`);
    } else {
      this.failure = outcome;
    }
    await Promise.all([this.refresh(), this.#session.refreshStorage()]);
  }
}

/** Everything that this browser keeps, or one project, as one file: written, read back, or deleted. The work continues while other stages are open. */
import type { Failure, GraftWorker, ImportReport, Progress } from '../../worker/api.ts';
import { ofStudio } from '../state/of-studio.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';
import { saveFile } from '../ui/save.ts';
import { TimeLeftClock } from '../ui/time-left.ts';

/** The prefix of the page's keys outside the database. */
const PREFIX = 'graft-';

type Work = 'exporting' | 'sharing' | 'importing' | 'deleting';

class Everything {
  busy = $state<Work>();
  /** The project that is being shared, by id. */
  project = $state<string>();
  progress = $state.raw<Progress>();
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();
  report = $state.raw<ImportReport>();
  #left = new TimeLeftClock();
  #request: AbortController | undefined;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  export(models: boolean): Promise<void> {
    const signal = this.#begin('exporting');
    return this.#save(this.#session.worker.exportAll(models, this.#hear, signal));
  }

  /** One project as a file for somebody else. */
  share(id: string): Promise<void> {
    const signal = this.#begin('sharing');
    this.project = id;
    return this.#save(this.#session.worker.exportProject(id, this.#hear, signal));
  }

  /** Ends it: a partial export is dropped, a partial import is undone. */
  stop(): void {
    this.#request?.abort();
  }

  async import(file: File): Promise<void> {
    const signal = this.#begin('importing');
    const outcome = await this.#session.worker.importAll(file, this.#hear, signal);
    this.#end();
    if (outcome.ok) {
      this.report = outcome.report;
      this.#session.announcer.say(`${file.name} is imported.`);
    } else if (outcome.code === 'worker-aborted') {
      this.#session.announcer.say(outcome.what);
    } else {
      this.failure = outcome;
    }
  }

  /** The page starts again after it. */
  async deleteAll(): Promise<void> {
    this.#begin('deleting');
    const outcome = await this.#session.worker.deleteAll();
    this.#end();
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    for (const kept of [localStorage, sessionStorage])
      for (const key of Object.keys(kept)) if (key.startsWith(PREFIX)) kept.removeItem(key);
    location.hash = '#/';
    location.reload();
  }

  async #save(answer: ReturnType<GraftWorker['exportAll']>): Promise<void> {
    const outcome = await answer;
    this.#end();
    if (outcome.ok) {
      saveFile(outcome.fileName, outcome.file);
      this.#session.announcer.say(`${outcome.fileName} is downloaded.`);
    } else if (outcome.code !== 'worker-aborted') {
      this.failure = outcome;
    }
  }

  /** @returns the signal that {@link stop} aborts */
  #begin(what: Work): AbortSignal {
    this.busy = what;
    this.failure = undefined;
    this.report = undefined;
    this.progress = undefined;
    this.#left = new TimeLeftClock();
    this.#request = new AbortController();
    return this.#request.signal;
  }

  readonly #hear = (progress: Progress): void => {
    if (!this.busy) return;
    this.progress = progress;
    this.secondsLeft = this.#left.hear(progress);
  };

  #end(): void {
    this.busy = this.project = this.progress = this.secondsLeft = undefined;
    void this.#session.refreshStorage();
  }
}

/** What is exported, imported or deleted in a studio: it continues while another screen is open. */
export const everythingOf = ofStudio(({ session }) => new Everything(session));

/** All that this browser keeps, as one file: written, read back, or deleted. */
import type { Failure, ImportReport, Progress } from '../../worker/api.ts';
import type { Session } from '../state/session.svelte.ts';
import { saveFile } from '../ui/save.ts';

/** What the page keeps beside the database begins with this. */
const PREFIX = 'graft-';

export class Everything {
  busy = $state<'exporting' | 'importing' | 'deleting'>();
  progress = $state.raw<Progress>();
  failure = $state.raw<Failure>();
  report = $state.raw<ImportReport>();
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async export(models: boolean): Promise<void> {
    this.#begin('exporting');
    const outcome = await this.#session.worker.exportAll(models, (progress) => this.#hear(progress));
    this.#end();
    if (outcome.ok) {
      saveFile(outcome.fileName, outcome.file);
      this.#session.announcer.say(`${outcome.fileName} is downloaded.`);
    } else if (outcome.code !== 'worker-aborted') {
      this.failure = outcome;
    }
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopExport();
  }

  async import(file: File): Promise<void> {
    this.#begin('importing');
    const outcome = await this.#session.worker.importAll(file, (progress) => this.#hear(progress));
    this.#end();
    if (outcome.ok) {
      this.report = outcome.report;
      this.#session.announcer.say(`${file.name} is imported.`);
    } else {
      this.failure = outcome;
    }
  }

  /** The page begins anew after it. */
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

  #begin(what: 'exporting' | 'importing' | 'deleting'): void {
    this.busy = what;
    this.failure = undefined;
    this.report = undefined;
    this.progress = undefined;
  }

  #hear(progress: Progress): void {
    if (this.busy) this.progress = progress;
  }

  #end(): void {
    this.busy = undefined;
    this.progress = undefined;
    void this.#session.refreshStorage();
  }
}

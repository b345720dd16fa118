/** Updates the lists and the run on the screen when a run changes, in this tab or in another. */
import type { RunNews } from '../../worker/api.ts';
import type { Studio } from '../state/studio.svelte.ts';

export class RunFollower {
  readonly #studio: Studio;
  /** It reads what another tab has changed, and has to read again. */
  #reading = false;
  #readAgain = false;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** @param ended or paused; else the run was saved for the first time */
  changed(ended: boolean): Promise<void> {
    return ended ? this.#ended() : this.#saved();
  }

  /** Another tab has saved, paused or ended a run, or was closed. @param news what a run does there in between */
  async changedElsewhere(news?: RunNews): Promise<void> {
    if (news) {
      this.#studio.run.hearElsewhere(news);
      return;
    }
    // Changes that come while it reads are read after it.
    if (this.#reading) {
      this.#readAgain = true;
      return;
    }
    const { run, runs } = this.#studio;
    this.#reading = true;
    do {
      this.#readAgain = false;
      await this.#studio.refresh();
      const shown = runs.all.find(({ id }) => id === run.record?.id);
      const { status, last } = run;
      if (shown && (shown.status !== status || shown.step !== (last?.step ?? 0))) await run.show(shown);
    } while (this.#readAgain);
    this.#reading = false;
  }

  async #saved(): Promise<void> {
    const { run, runs, projects, rows } = this.#studio;
    await Promise.all([runs.refresh(), projects.refresh()]);
    // The lists come late: it may have ended by then, and another one may train.
    const record = runs.all.find(({ id }) => id === run.savedAs);
    if (!record || !run.active) return;
    run.record ??= record;
    projects.follow(record.projectId);
    rows.renameNext();
  }

  async #ended(): Promise<void> {
    const { run, projects, rows, inUse, chat } = this.#studio;
    const { record } = run;
    const sides = String(chat.sides);
    if (record) projects.follow(record.projectId);
    await this.#studio.refresh();
    rows.renameNext();
    const { status, options } = run;
    // Another run may be on the screen by now, and a person may have chosen sides.
    if (record?.id !== run.record?.id || sides !== String(chat.sides)) return;
    if ((status === 'done' || status === 'stopped') && !options?.trial && !run.encodes) inUse.compare();
  }
}

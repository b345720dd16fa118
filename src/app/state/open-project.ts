/** The project that is open in this tab: it is opened, left, deleted, and begun by the first thing that is worth keeping. */
import type { ModelRef, ProjectInfo } from '../../worker/api.ts';
import { Opening, openingWords, type OpeningWords } from '../data/opening.svelte.ts';
import { STAGES } from './route.svelte.ts';
import { BUNDLED_MODEL } from './session.svelte.ts';
import type { Studio } from './studio.svelte.ts';

/** The length at which a question that names a project is cut. */
const NAME_CHARS = 40;

export class OpenProject {
  readonly #studio: Studio;
  readonly #opening = new Opening();

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The part of the project that is being opened; undefined once all of it is open. */
  get opening(): OpeningWords | undefined {
    const { projects, data, session } = this.#studio;
    const { current, remembered } = projects;
    const rows = this.#opening.rows && current?.data && !data.summary ? 'rows' : undefined;
    const step = this.#opening.step ?? rows;
    if (step === undefined) return undefined;
    const { name } = current ?? remembered ?? {};
    return openingWords({ step, name, model: session.opening, rows: data.progress });
  }

  /** Whether it is not known yet what the project holds: no stage can be drawn before. */
  get unknown(): boolean {
    return this.#opening.step !== undefined;
  }

  /** After a reload: opens the project that was open, with its curve. Its rows follow when a stage is open. @param equip loads the rest */
  async restoreLast(equip: () => Promise<void>): Promise<void> {
    const { projects, runs, models, session, task } = this.#studio;
    const next = this.#opening.begin(projects.expected ? 'list' : undefined);
    const equipped = equip();
    const others = Promise.all([runs.refresh(), models.refresh()]);
    await projects.refresh();
    const before = projects.remembered;
    next(before && 'project');
    await others;
    await equipped;
    // Where none was expected, a person may have begun one meanwhile.
    const project = before && projects.id === undefined && (await projects.open(before.id));
    if (project) await this.#load(project).finally(() => next());
    else {
      next();
      if (!session.model && !session.opening) session.want(this.#usualModel);
      if (task.title + task.success === '') task.load(undefined);
    }
  }

  /** Opens a project where it was left. */
  async open(id: string): Promise<void> {
    const { ready, run, projects, data, route } = this.#studio;
    await ready;
    if (run.active) return;
    if (id !== projects.id) await data.halt();
    const next = this.#opening.begin('project');
    const project = await projects.open(id);
    if (project) await this.#load(project).finally(() => next());
    else return next();
    route.go(STAGES.find((stage) => stage === project.place) ?? 'task');
    await this.openRows();
  }

  /** Opens the rows of the project, if they are not open yet: each stage needs them. */
  openRows(): Promise<void> {
    const { ready, samples, projects, data } = this.#studio;
    return this.#opening.whileRows(async () => {
      await Promise.all([ready, samples.ready]);
      await projects.settled;
      const kept = projects.current?.data;
      if (kept && !data.summary && !data.reading) await this.#studio.rows.openAgain(kept.version);
    });
  }

  /** Leaves it for an empty project, which is kept once there is something in it. @returns whether it worked */
  async leave(): Promise<boolean> {
    const { run, data, projects } = this.#studio;
    if (run.active) return false;
    await data.halt();
    if (!(await projects.close())) return false;
    this.#reset();
    return true;
  }

  /** Begins an empty project, at the stage that fills it. */
  async begin(): Promise<void> {
    if (await this.leave()) this.#studio.route.go('data');
  }

  async remove(project: ProjectInfo): Promise<void> {
    const { projects, data } = this.#studio;
    const open = project.id === projects.id;
    if (open) await data.halt();
    if (!(await projects.remove(project))) return;
    if (open) this.#reset();
    await this.#refreshOwn();
  }

  async restore(id: string): Promise<void> {
    await this.#studio.projects.restore(id);
    await this.#refreshOwn();
  }

  /** Shows what an import may have added to the open project. */
  async imported(): Promise<void> {
    await this.#studio.refresh();
    const { id } = this.#studio.projects;
    if (id !== undefined) await this.#showResults(id);
  }

  /** A task should be kept: without a project, it makes one of that name. */
  async keepTask(): Promise<void> {
    const { projects, task } = this.#studio;
    if (projects.id === undefined && task.title.trim() !== '') await projects.create(task.title);
  }

  /** A conversation should be kept: without a project, it makes one, named by the question's first words. */
  async keepChat(prompt: string): Promise<void> {
    const { projects } = this.#studio;
    if (projects.id === undefined) await projects.create(prompt.trim().slice(0, NAME_CHARS));
  }

  /** The model of a new project: the one that is open, or was opened last and is kept. */
  get #usualModel(): ModelRef {
    const { session, models } = this.#studio;
    const { model, last } = session;
    if (model) return { name: model.name, bundled: model.bundled };
    return last.bundled || models.list.some(({ name }) => name === last.name) ? last : BUNDLED_MODEL;
  }

  async #refreshOwn(): Promise<void> {
    const { runs, adapters } = this.#studio;
    await Promise.all([runs.refresh(), adapters.refresh()]);
  }

  async #load({ id, model, page }: ProjectInfo): Promise<void> {
    const { task, settings, runs, run, chat } = this.#studio;
    this.#reset(model);
    task.load('task' in page ? page.task : undefined);
    settings.load(
      'settings' in page ? page.settings : undefined,
      'settingsOf' in page ? page.settingsOf : undefined,
    );
    // Before anything is awaited, since the page is written as it is then.
    chat.load('chat' in page ? page.chat : undefined);
    const latest = runs.resumable ?? runs.list.at(0);
    if (latest) await run.show(latest);
    await this.#showResults(id);
  }

  /** Shows the results that the project keeps. A result that is on the screen already is newer. */
  async #showResults(id: string): Promise<void> {
    const { results, projects, baseline, fewShot, evaluation, chat, preferences } = this.#studio;
    const kept = await results.read();
    if (id !== projects.id) return;
    if (!baseline.own) baseline.show(kept.baseline);
    if (!fewShot.report) fewShot.show(kept.fewShot);
    if (!kept.fewShot) fewShot.recall(kept.baseline ?? kept.evaluation);
    if (!evaluation.own) evaluation.show(kept.evaluation);
    if (chat.turns.length === 0) chat.show(kept.chat);
    if (preferences.count === 0) preferences.show(kept.preferences);
  }

  #reset(model = this.#usualModel): void {
    const { task, data, settings, run, chat, preferences, session } = this.#studio;
    const { baseline, fewShot, evaluation } = this.#studio;
    task.forget();
    for (const part of [data, run, chat, baseline, fewShot, evaluation]) part.forget();
    session.stopMeasuring();
    settings.load(undefined);
    preferences.show(undefined);
    session.want(model);
  }
}

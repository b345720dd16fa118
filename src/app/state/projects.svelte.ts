/** The projects that this browser keeps, and which of them is open in this tab. */
import type { Failure, ProjectInfo } from '../../worker/api.ts';
import { inPlace } from './in-place.ts';
import { Latest } from './latest.ts';
import type { SessionState } from './session.svelte.ts';

/** Each tab remembers its own through a reload, or that none was open; a new tab takes the one that changed last. */
const KEY = 'graft-project';
const NONE = '';
/** Whether there were projects at the last visit: the page keeps their place while they are read. */
const RETURNING = 'graft-returning';
/** Typing is not written letter by letter. */
const WRITE_AFTER_MS = 300;

export class ProjectsState {
  list = $state.raw<readonly ProjectInfo[]>([]);
  loaded = $state(false);
  failure = $state.raw<Failure>();
  /** Projects that were deleted in this tab: each can be restored. */
  deleted = $state.raw<readonly ProjectInfo[]>([]);
  /** The open project. */
  id = $state<string>();
  /** How many projects were left in this tab: what was made for one is not shown in the next. */
  left = $state(0);
  /** Resolves when it is settled which one is open: what is read from then on is for that one. */
  settled: Promise<unknown> = Promise.resolve();
  /** The page's part of the project, as it was written last. */
  #page = '';
  #place = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: object | undefined;
  #created: Promise<ProjectInfo | undefined> | undefined;
  #ends: readonly (() => void)[] = [];
  readonly #wasHere = Boolean(stored(() => localStorage.getItem(RETURNING)));
  readonly #listed = new Latest(
    () => this.#session.worker.listProjects(),
    (outcome) => {
      this.loaded = true;
      if (outcome.ok) {
        this.list = outcome.projects;
        this.#remember();
      } else this.failure = outcome;
    },
  );
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
    addEventListener('pagehide', () => this.#writeNow());
  }

  /** The list, with those that are deleted in their places. */
  shown: readonly ProjectInfo[] = $derived.by(() =>
    inPlace(this.list, this.deleted, ({ changed }) => changed),
  );

  get current(): ProjectInfo | undefined {
    return this.list.find(({ id }) => id === this.id);
  }

  /** The project to open at the start: this tab's, which may be none, or the one that changed last. */
  get remembered(): ProjectInfo | undefined {
    const id = this.#ofTab;
    if (id === NONE) return undefined;
    return this.list.find((project) => project.id === id) ?? this.list.at(0);
  }

  /** Whether this tab opens a project at the start, as far as is known before they are read. */
  get expected(): boolean {
    const id = this.#ofTab;
    return id === undefined ? this.returning : id !== NONE;
  }

  /** Whether there are projects, as far as is known before they are read. */
  get returning(): boolean {
    return this.loaded ? this.list.length > 0 : this.#wasHere;
  }

  /** @param end is called once, when the project is left for another or for none */
  whenLeft(end: () => void): void {
    this.#ends = [...this.#ends, end];
  }

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  /** @returns the project, now open in the worker too; undefined if that failed */
  open(id: string): Promise<ProjectInfo | undefined> {
    return this.#settle(this.#open(id));
  }

  /** Closes the project: the next thing that is worth keeping makes a new one. @returns whether it worked */
  close(): Promise<boolean> {
    return this.#settle(this.#close());
  }

  /** A run whose project could not be stored for lack of room is shown nevertheless. */
  follow(id: string): void {
    this.id ??= id;
  }

  /** Makes a project, unless one is being made: two things may be worth keeping at once. */
  create(name: string): Promise<ProjectInfo | undefined> {
    return (this.#created ??= this.#create(name).finally(() => (this.#created = undefined)));
  }

  async #create(name: string): Promise<ProjectInfo | undefined> {
    this.#writeNow();
    const { name: model, bundled } = this.#session.wanted;
    const outcome = await this.#session.worker.createProject(name, { name: model, bundled });
    if (!outcome.ok) {
      this.failure = outcome;
      return undefined;
    }
    return this.adopt(outcome.project);
  }

  /** Adopts the project that the worker reports as open. */
  adopt(project: ProjectInfo): ProjectInfo {
    if (project.id !== this.id) {
      this.id = project.id;
      this.#page = JSON.stringify(project.page);
      this.#place = project.place;
      stored(() => sessionStorage.setItem(KEY, project.id));
    }
    this.failure = undefined;
    this.list = [project, ...this.list.filter(({ id }) => id !== project.id)].sort(
      (a, b) => b.changed - a.changed,
    );
    this.#listed.changed();
    this.#remember();
    return project;
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#update(id, { name });
    await this.refresh();
  }

  /** @returns whether it is gone */
  async remove(project: ProjectInfo): Promise<boolean> {
    const outcome = await this.#session.worker.deleteProject(project.id);
    if (!outcome.ok) {
      this.failure = outcome;
      return false;
    }
    if (project.id === this.id) this.#forget();
    this.deleted = [...this.deleted.filter(({ id }) => id !== project.id), project];
    this.list = this.list.filter(({ id }) => id !== project.id);
    this.#listed.changed();
    this.#session.announcer.say(`${project.name} is deleted. It can be brought back.`);
    return true;
  }

  async restore(id: string): Promise<void> {
    const outcome = await this.#session.worker.restoreProject(id);
    await this.refresh();
    if (outcome.ok) this.deleted = this.deleted.filter((project) => project.id !== id);
    else this.failure = outcome;
  }

  /** The base model that the open project works with. */
  async keepModel(name: string, bundled: boolean): Promise<void> {
    const model = this.current?.model;
    if (this.id === undefined || (model?.name === name && model.bundled === bundled)) return;
    await this.#update(this.id, { model: { name, bundled } });
    await this.refresh();
  }

  /** Which stage is open. */
  keepPlace(place: string): void {
    if (this.id === undefined || place === this.#place) return;
    this.#place = place;
    void this.#update(this.id, { place });
  }

  /** Texts and settings that should be there after a reload; written a moment later. */
  keepPage(page: object): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
    if (this.id === undefined || JSON.stringify(page) === this.#page) return;
    this.#waiting = page;
    this.#timer = setTimeout(() => this.#writeNow(), WRITE_AFTER_MS);
  }

  /** What this tab had open before a reload: an id, or {@link NONE}; undefined in a new tab. */
  get #ofTab(): string | undefined {
    return stored(() => sessionStorage.getItem(KEY)) ?? undefined;
  }

  #remember(): void {
    stored(() => localStorage.setItem(RETURNING, this.list.length > 0 ? 'yes' : ''));
  }

  #settle<T>(change: Promise<T>): Promise<T> {
    this.settled = change.catch(() => undefined);
    return change;
  }

  async #open(id: string): Promise<ProjectInfo | undefined> {
    this.#writeNow();
    const outcome = await this.#session.worker.openProject(id);
    if (outcome.ok && outcome.project) {
      if (outcome.project.id !== this.id) this.#leave();
      return this.adopt(outcome.project);
    }
    if (!outcome.ok) this.failure = outcome;
    await this.refresh();
    return undefined;
  }

  async #close(): Promise<boolean> {
    this.#writeNow();
    const outcome = await this.#session.worker.openProject(undefined);
    if (outcome.ok) this.#forget();
    else this.failure = outcome;
    return outcome.ok;
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#waiting = undefined;
    this.#leave();
    this.id = undefined;
    stored(() => sessionStorage.setItem(KEY, NONE));
  }

  #leave(): void {
    const ends = this.#ends;
    this.#ends = [];
    for (const end of ends) end();
    this.left++;
  }

  #writeNow(): void {
    clearTimeout(this.#timer);
    const page = this.#waiting;
    this.#waiting = undefined;
    if (page === undefined || this.id === undefined) return;
    this.#page = JSON.stringify(page);
    // Values of runes are proxies, which cannot be sent to the worker.
    void this.#update(this.id, { page: JSON.parse(this.#page) as object });
  }

  async #update(id: string, change: Parameters<SessionState['worker']['updateProject']>[1]): Promise<void> {
    const outcome = await this.#session.worker.updateProject(id, change);
    if (!outcome.ok) this.failure = outcome;
  }
}

/** Uses the page's storage besides the database. Where that is refused, the project that changed last is opened. */
function stored<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}

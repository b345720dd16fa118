/** The library of adapters. */
import type {
  AdapterChange,
  AdapterChoice,
  AdapterInfo,
  Failure,
  GraftWorker,
  Progress,
} from '../../worker/api.ts';
import { folderFiles } from '../ui/files.ts';
import { saveFile } from '../ui/save.ts';
import { farWords, TimeLeftClock } from '../ui/time-left.ts';
import { inPlace } from '../state/in-place.ts';
import { Latest } from '../state/latest.ts';
import { MIXTURE_NAME } from '../evaluate/origin.ts';
import type { ProjectsState } from '../state/projects.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';

/** `base`, `current`, or an adapter's id: what a select element can hold. */
export type AdapterKey = string;

/** What the worker is asked for when a key is chosen. */
export function choiceOf(key: AdapterKey): AdapterChoice {
  return key === 'base' || key === 'current' ? key : { id: key };
}

export class Adapters {
  list = $state.raw<readonly AdapterInfo[]>([]);
  /** Those of encoders, which answer nothing: Documents lists them. */
  retrievers = $state.raw<readonly AdapterInfo[]>([]);
  loaded = $state(false);
  failure = $state.raw<Failure>();
  /** Adapters that were deleted in this tab: each can be restored. */
  deleted = $state.raw<readonly AdapterInfo[]>([]);
  /** Name of what is imported, and id of what is exported; empty while nothing is. */
  importing = $state('');
  exporting = $state('');
  progress = $state.raw<Progress>();
  /** How far that is, in words. */
  detail = $state('');
  /** The mixture of the workshop in words, while there is one. */
  mixture = $state<string>();
  /** Whether the zip of an adapter for the bundled model contains that model. */
  withBase = $state(true);
  #request: AbortController | undefined;
  #left = new TimeLeftClock();
  readonly #listed = new Latest(
    () => this.#session.worker.listAdapters(),
    (outcome) => {
      this.loaded = true;
      if (!outcome.ok) {
        this.failure = outcome;
        return;
      }
      const all = [...outcome.adapters].sort((a, b) => b.created - a.created);
      this.list = all.filter(({ encodes }) => !encodes);
      this.retrievers = all.filter(({ encodes }) => encodes);
    },
  );
  readonly #session: SessionState;
  readonly #projects: ProjectsState;

  constructor(session: SessionState, projects: ProjectsState) {
    this.#session = session;
    this.#projects = projects;
    void this.refresh();
  }

  /** The list, with those that are deleted in their places. */
  shown: readonly AdapterInfo[] = $derived.by(() =>
    inPlace(
      this.list,
      this.deleted.filter(({ encodes }) => !encodes),
      ({ created }) => created,
    ),
  );

  /** The same of encoders, of the open project. */
  shownRetrievers: readonly AdapterInfo[] = $derived.by(() =>
    inPlace(
      this.retrievers,
      this.deleted.filter(({ encodes }) => encodes),
      ({ created }) => created,
    ).filter(({ projectId }) => projectId === this.#projects.id),
  );

  /** Those of the open project. */
  own: readonly AdapterInfo[] = $derived.by(() =>
    this.list.filter(({ projectId }) => projectId === this.#projects.id),
  );

  /** The name of the project that an adapter belongs to, if that is not the open one. */
  elsewhere({ projectId }: AdapterInfo): string | undefined {
    if (projectId === this.#projects.id) return undefined;
    return this.#projects.list.find(({ id }) => id === projectId)?.name;
  }

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  nameOf(key: AdapterKey): string {
    if (key === 'base') return 'Base model';
    if (key === 'current') return 'Current run';
    if (key === MIXTURE_NAME) return 'Mixture';
    return this.list.find(({ id }) => id === key)?.name ?? 'Adapter';
  }

  async change(id: string, change: AdapterChange): Promise<void> {
    // At once: a late answer would take back what is typed meanwhile.
    const changed = (entry: AdapterInfo): AdapterInfo => (entry.id === id ? { ...entry, ...change } : entry);
    this.list = this.list.map(changed);
    this.retrievers = this.retrievers.map(changed);
    const outcome = await this.#session.worker.updateAdapter(id, change);
    this.#listed.changed();
    if (outcome.ok) return;
    this.failure = outcome;
    await this.refresh();
  }

  async remove(adapter: AdapterInfo): Promise<void> {
    const outcome = await this.#session.worker.deleteAdapter(adapter.id);
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    this.deleted = [...this.deleted.filter(({ id }) => id !== adapter.id), adapter];
    this.list = this.list.filter(({ id }) => id !== adapter.id);
    this.retrievers = this.retrievers.filter(({ id }) => id !== adapter.id);
    this.#listed.changed();
    this.#session.announcer.say(`${adapter.name} is deleted. It can be brought back.`);
  }

  async restore(id: string): Promise<void> {
    const outcome = await this.#session.worker.restoreAdapter(id);
    await this.refresh();
    if (outcome.ok) this.deleted = this.deleted.filter((adapter) => adapter.id !== id);
    else this.failure = outcome;
  }

  async download(adapter: AdapterInfo): Promise<void> {
    if (this.exporting !== '' || this.importing !== '') return;
    this.failure = undefined;
    this.exporting = adapter.id;
    this.#begin();
    const { signal } = (this.#request = new AbortController());
    const outcome = await this.#session.worker.exportAdapter(adapter.id, this.withBase, this.#hear, signal);
    this.exporting = '';
    this.#begin();
    if (outcome.ok) {
      saveFile(outcome.fileName, outcome.file);
      this.#session.announcer.say(`${outcome.fileName} is downloaded.`);
    } else if (outcome.code !== 'worker-aborted') {
      this.failure = outcome;
    }
  }

  /** Ends an import or an export. Adapters that were imported before stay. */
  stop(): void {
    this.#request?.abort();
  }

  #begin(): void {
    this.#left = new TimeLeftClock();
    this.progress = undefined;
    this.detail = '';
  }

  readonly #hear = (progress: Progress): void => {
    if (this.importing === '' && this.exporting === '') return;
    this.progress = progress;
    this.detail = farWords(progress, this.#left.hear(progress));
  };

  /** Imports an adapter of the hub. @param asked its id or address @returns whether it is here */
  async bringById(asked: string, token: string): Promise<boolean> {
    if (this.importing !== '' || this.exporting !== '') return false;
    this.failure = undefined;
    this.importing = asked;
    const { signal } = (this.#request = new AbortController());
    const isOpen = await this.#session.ensureModel();
    this.#begin();
    const outcome = isOpen
      ? await this.#session.worker.importFromHub(asked, token === '' ? undefined : token, this.#hear, signal)
      : undefined;
    if (outcome?.ok) this.#session.announcer.say(arrived(outcome.adapters));
    else if (outcome?.code !== 'worker-aborted') this.failure = outcome ?? this.#session.modelFailure;
    this.importing = '';
    this.#begin();
    await this.refresh();
    return outcome?.ok ?? false;
  }

  /** Imports a zip, several of them, or the files of one PEFT folder. A failed import does not stop the others. */
  bring(files: readonly File[]): Promise<void> {
    return this.#bring(
      files,
      (...asked) => this.#session.worker.importAdapter(...asked),
      async () => ((await this.#session.ensureModel()) ? undefined : this.#session.modelFailure),
    );
  }

  /** The same for the encoder of a project. */
  bringRetriever(projectId: string, files: readonly File[]): Promise<void> {
    return this.#bring(files, (...asked) => this.#session.worker.importRetriever(projectId, ...asked));
  }

  /** @param ready opens what the adapters are for @returns why it could not */
  async #bring(
    files: readonly File[],
    send: GraftWorker['importAdapter'],
    ready: () => Promise<Failure | undefined> = async () => undefined,
  ): Promise<void> {
    if (files.length === 0) return;
    this.failure = undefined;
    const failed: (Failure & { readonly name: string })[] = [];
    const isZip = ({ name }: File): boolean => /\.zip$/i.test(name);
    const { signal } = (this.#request = new AbortController());
    for (const part of files.every(isZip) ? files.map((zip) => [zip]) : [files]) {
      if (signal.aborted) break;
      const name = folderFiles(part[0]) || part[0].name.replace(/\.zip$/i, '');
      this.importing = name;
      this.failure = await ready();
      if (this.failure) break;
      this.#begin();
      const outcome = await send(name, part, this.#hear, signal);
      if (outcome.ok) this.#session.announcer.say(arrived(outcome.adapters));
      else if (outcome.code !== 'worker-aborted') failed.push({ ...outcome, name });
    }
    this.failure ??= together(failed);
    this.importing = '';
    this.#begin();
    await this.refresh();
  }
}

function arrived(adapters: readonly AdapterInfo[]): string {
  const names = adapters.map(({ name }) => name);
  return names.length === 1
    ? `${names[0]} is in the library.`
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are in the library.`;
}

/** One failure for several imports: each adapter is named, and what helps all of them is said once. */
function together(failed: readonly (Failure & { readonly name: string })[]): Failure | undefined {
  if (failed.length < 2) return failed[0];
  const once = (words: readonly string[], between: string): string => [...new Set(words)].join(between);
  return {
    code: once(
      failed.map(({ code }) => code),
      ', ',
    ),
    what: failed.map(({ name, what }) => (what.includes(name) ? what : `${name}: ${what}`)).join(' '),
    remedy: once(
      failed.map(({ remedy }) => remedy),
      ' ',
    ),
  };
}

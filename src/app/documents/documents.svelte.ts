/** The documents of the open project: what is kept, the work on them, the search, and the document that is shown. */
import { untrack } from 'svelte';
import { filePattern } from '../../retrieval/file-pattern.ts';
import { RERANKED } from '../../retrieval/rerank.ts';
import type {
  AddedDocuments,
  Chunking,
  DocumentHit,
  DocumentView,
  EncoderChoice,
  Failure,
  FileAt,
  KeptEncoder,
  OfferedEncoder,
  OnProgress,
  Outcome,
  Progress,
  ProjectDocuments,
  SearchMethod,
} from '../../worker/api.ts';
import { ofStudio } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { roughly } from '../ui/format.ts';
import { count, plural } from '../../numbers.ts';
import { farWords, TimeLeftClock } from '../ui/time-left.ts';

/** A part of a document. */
export interface Place {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

type Work = 'adding' | 'continuing' | 'copying';

interface Found {
  readonly query: string;
  readonly hits: readonly DocumentHit[];
  /** Chunks that were not compared. */
  readonly missing: number;
}

const TOP = 10;

export class DocumentsState {
  /** Missing until they are read, and without a project. */
  kept = $state.raw<ProjectDocuments>();
  failure = $state.raw<Failure>();
  work = $state<Work>();
  progress = $state.raw<Progress>();
  /** Seconds, if that is known and long. */
  left = $state<number>();
  stopping = $state(false);
  /** What became of the files that were added last. */
  report = $state.raw<AddedDocuments>();
  encoders = $state.raw<readonly KeptEncoder[]>([]);
  offered = $state.raw<readonly OfferedEncoder[]>([]);
  /** Whether the encoder that is chosen next has its weights in int8. */
  int8 = $state(false);

  query = $state('');
  chosenMethod = $state<SearchMethod>();
  /** The files to search in, as a pattern; empty for all. */
  pattern = $state('');
  /** Whether the open model ranks the best passages again. */
  rerank = $state(false);
  searching = $state(false);
  /** How far a search is that takes long: the first one, or a second ranking. */
  searchProgress = $state.raw<Progress>();
  #search: AbortController | undefined;
  found = $state.raw<Found>();
  searchFailure = $state.raw<Failure>();

  shown = $state.raw<DocumentView>();
  /** The part that is highlighted in it. */
  place = $state.raw<Place>();
  showFailure = $state.raw<Failure>();
  #request: AbortController | undefined;
  /** The work that runs, which never fails. */
  #running: Promise<unknown> = Promise.resolve();
  /** Calls whose files wait for the work that runs. */
  queued = $state(0);
  /** Files of which a stop left some unread, as they were chosen, and their project. The browser forgets them with the page. */
  #chosen = $state.raw<{ readonly id: string; readonly lists: readonly (readonly FileAt[])[] }>();
  /** Searches and documents that were asked for: only the answer to the last one is shown. */
  readonly #asked = { search: 0, show: 0 };
  /** Calls whose answers say what the project has, and the last one of those that were answered. */
  #calls = 0;
  #answered = 0;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
    $effect(() => {
      const { id } = studio.projects;
      untrack(() => void this.#enter(id));
    });
    $effect(() => {
      void studio.models.list;
      untrack(() => void this.#listEncoders());
    });
  }

  get method(): SearchMethod {
    return this.chosenMethod ?? (this.kept?.encoder ? 'cosine' : 'bm25');
  }

  /** Whether the chosen encoder has its weights in int8. */
  get isInt8(): boolean {
    return this.kept?.encoder?.weights === 'int8';
  }

  get chunks(): number {
    return this.kept?.documents.reduce((sum, { chunks }) => sum + chunks, 0) ?? 0;
  }

  /** Whether this page still has the files that a stop left unread. */
  get hasUnread(): boolean {
    return this.#chosen !== undefined && this.#chosen.id === this.#studio.projects.id;
  }

  /**
   * Adds files to the project, or to a new one. Vectors that are being computed wait for them: what they replace is out of date. Files that are being
   * read come first.
   */
  async add(files: readonly FileAt[]): Promise<void> {
    if (files.length === 0) return;
    const { projects, session } = this.#studio;
    const id = projects.id ?? (await projects.create('Documents'))?.id;
    if (id === undefined) {
      this.failure = projects.failure;
      return;
    }
    this.queued++;
    while (this.work) {
      this.#giveWay();
      await this.#running;
    }
    this.queued--;
    this.report = undefined;
    void session.keepStorage();
    const outcome = await this.#run('adding', id, (...watch) =>
      session.worker.addDocuments(id, [...files], ...watch),
    );
    if (id !== projects.id) return;
    this.#remember(id, files, outcome === undefined || outcome.report.unread > 0);
    if (!outcome) return;
    this.report = outcome.report;
    const { added, replaced, bad } = outcome.report;
    session.announcer.say(
      `${plural(added + replaced, 'document is', 'documents are')} read.${bad.length > 0 ? ` ${plural(bad.length, 'file')} could not be read.` : ''}`,
    );
  }

  /** Keeps files until all of them are read. @param isLeft whether some of these are not */
  #remember(id: string, files: readonly FileAt[], isLeft: boolean): void {
    const before = this.#chosen?.id === id ? this.#chosen.lists.filter((list) => list !== files) : [];
    const lists = isLeft ? [...before, files] : before;
    // The same files may have been chosen again: then nothing waits.
    this.#chosen = lists.length > 0 && this.kept?.waiting.files ? { id, lists } : undefined;
  }

  /** Stops vectors that are being computed if files wait to be added. */
  #giveWay(): void {
    const { what } = this.progress ?? {};
    if (this.queued > 0 && this.work !== 'copying' && (what === 'loading' || what === 'embedding'))
      this.#request?.abort();
  }

  /** Does what a stop or a reload left. */
  async proceed(): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined || this.work) return;
    if (this.#chosen?.id !== id) return this.#bringUpToDate();
    // Each brings everything up to date.
    for (const files of this.#chosen.lists) {
      await this.add(files);
      if (this.stopping || id !== this.#studio.projects.id) return;
    }
  }

  /** Divides documents and computes vectors as the settings ask for. */
  async #bringUpToDate(): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined || this.work) return;
    const { worker, announcer } = this.#studio.session;
    const outcome = await this.#run('continuing', id, (...watch) => worker.continueDocuments(id, ...watch));
    if (outcome && !outcome.stopped) announcer.say('The documents are up to date.');
  }

  stop(): void {
    this.stopping = true;
    this.#request?.abort();
  }

  /** Forgets the files that are not read. */
  async leaveUnread(): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined || this.work) return;
    this.#chosen = undefined;
    await this.#ask(id, () => this.#studio.session.worker.leaveUnread(id));
  }

  async remove(file: string): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined) return;
    await this.#ask(id, () => this.#studio.session.worker.removeDocuments(id, [file]));
    if (id !== this.#studio.projects.id) return;
    if (this.shown?.file === file) this.close();
    if (this.found) this.found = { ...this.found, hits: this.found.hits.filter((hit) => hit.file !== file) };
    this.#studio.session.announcer.say(`${file} is removed.`);
  }

  async divide(chunking: Chunking): Promise<void> {
    if (await this.#change({ chunking })) await this.#bringUpToDate();
  }

  /** @param encoder with weights as {@link int8} says, and without another adapter than it names; undefined for a search by words only */
  async choose(encoder: EncoderChoice | undefined): Promise<void> {
    this.chosenMethod = undefined;
    const weights = this.int8 ? 'int8' : undefined;
    if (await this.#change({ encoder: encoder ? { ...encoder, weights } : null }))
      await this.#bringUpToDate();
  }

  /** Keeps an encoder from the files of its folder, and chooses it. */
  async bringEncoder(name: string, files: readonly FileAt[]): Promise<void> {
    const { models, projects, session } = this.#studio;
    const { id } = projects;
    const outcome = await this.#run('copying', id, (...watch) =>
      session.worker.addEncoder(name, [...files], ...watch),
    );
    if (!outcome) return;
    await Promise.all([models.refresh(), session.refreshStorage()]);
    if (id === projects.id) await this.choose(outcome.encoder);
  }

  async search(): Promise<void> {
    const { id } = this.#studio.projects;
    const query = this.query.trim();
    if (id === undefined || query === '' || this.searching) return;
    const fits = this.pattern.trim() === '' ? undefined : filePattern(this.pattern.trim());
    const files = fits && this.kept?.documents.map(({ file }) => file).filter(fits);
    this.searchFailure = undefined;
    if (files?.length === 0) {
      this.searchFailure = {
        code: 'search-file',
        what: `No document fits ${this.pattern}.`,
        remedy: 'Write a name, a folder, or a pattern such as *.md.',
      };
      return;
    }
    this.searching = true;
    const asked = ++this.#asked.search;
    const { session } = this.#studio;
    const { worker, announcer } = session;
    const choice = {
      ...{ method: this.method, top: TOP },
      ...(files && { files }),
      ...(this.rerank && { rerank: RERANKED }),
    };
    if (this.rerank && !(await session.ensureModel())) {
      if (asked === this.#asked.search) this.searching = false;
      return;
    }
    const { signal } = (this.#search = new AbortController());
    const hear = (progress: Progress): void => {
      if (asked === this.#asked.search && this.searching) this.searchProgress = progress;
    };
    const outcome = await worker.searchDocuments(id, query, choice, hear, signal);
    // Another project was opened meanwhile.
    if (asked !== this.#asked.search) return;
    this.searching = false;
    this.searchProgress = undefined;
    if (!outcome.ok) {
      if (outcome.code === 'worker-aborted') announcer.say(outcome.what);
      else this.searchFailure = outcome;
      return;
    }
    this.found = { query, hits: outcome.hits, missing: outcome.missing };
    announcer.say(
      outcome.hits.length === 0 ? 'Nothing is found.' : `${plural(outcome.hits.length, 'passage')} found.`,
    );
  }

  stopSearch(): void {
    this.#search?.abort();
  }

  /** Shows a document, with a part of it highlighted. @param place its first chunk if left out */
  async show(file: string, place?: Omit<Place, 'file'>): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined) return;
    const asked = ++this.#asked.show;
    const outcome = await this.#studio.session.worker.readDocument(id, file);
    if (asked !== this.#asked.show) return;
    if (!outcome.ok) {
      this.showFailure = outcome;
      return;
    }
    this.showFailure = undefined;
    this.shown = outcome.document;
    const first = outcome.document.chunks.at(0);
    const part = place ?? first;
    this.place = part && { file, start: part.start, end: part.end };
  }

  close(): void {
    this.#asked.show++;
    this.shown = undefined;
    this.place = undefined;
  }

  /** The tokens of a part of the shown document. */
  async tokens(place: Place): Promise<readonly string[]> {
    const { id } = this.#studio.projects;
    if (id === undefined) return [];
    const outcome = await this.#studio.session.worker.chunkTokens(id, { ...place });
    this.showFailure = outcome.ok ? undefined : outcome;
    return outcome.ok ? outcome.tokens : [];
  }

  async #enter(id: string | undefined): Promise<void> {
    this.kept = undefined;
    this.report = undefined;
    this.found = undefined;
    this.query = this.pattern = '';
    this.chosenMethod = undefined;
    this.rerank = false;
    this.failure = this.searchFailure = undefined;
    this.searching = false;
    this.searchProgress = undefined;
    this.#search?.abort();
    this.#asked.search++;
    this.close();
    if (id !== undefined) await this.#list(id);
    if (id === this.#studio.projects.id) this.int8 = this.isInt8;
  }

  async #list(id: string): Promise<void> {
    await this.#ask(id, () => this.#studio.session.worker.listDocuments(id));
  }

  async #listEncoders(): Promise<void> {
    const outcome = await this.#studio.session.worker.listEncoders();
    if (outcome.ok) ({ encoders: this.encoders, offered: this.offered } = outcome);
    else this.failure = outcome;
  }

  async #change(change: { chunking?: Chunking; encoder?: EncoderChoice | null }): Promise<boolean> {
    const { projects, session } = this.#studio;
    const id = projects.id ?? (await projects.create('Documents'))?.id;
    if (id === undefined) {
      this.failure = projects.failure;
      return false;
    }
    const { ok } = await this.#ask(id, () => session.worker.changeDocuments(id, change));
    return ok && id === projects.id;
  }

  /** Shows what a call says of the documents of a project: another may be open by then. */
  async #ask<T extends object>(
    id: string | undefined,
    call: () => Promise<Outcome<T & { documents?: ProjectDocuments }>>,
  ): Promise<Outcome<T & { documents?: ProjectDocuments }>> {
    const asked = ++this.#calls;
    const outcome = await call();
    if (id !== this.#studio.projects.id) return outcome;
    this.failure = outcome.ok ? undefined : outcome;
    if (!outcome.ok || !outcome.documents) return outcome;
    // If a later call was answered before, neither answer may know what the other call changed.
    if (asked < this.#answered && id !== undefined) void this.#list(id);
    else {
      this.#answered = asked;
      this.kept = outcome.documents;
    }
    return outcome;
  }

  /** Long work, of which one runs at a time. @param id of the project that it is for @returns undefined if it failed */
  async #run<T extends object>(
    work: Work,
    id: string | undefined,
    start: (hear: OnProgress, signal: AbortSignal) => Promise<Outcome<T & { documents?: ProjectDocuments }>>,
  ): Promise<(T & { documents?: ProjectDocuments }) | undefined> {
    const { projects, session } = this.#studio;
    const left = new TimeLeftClock();
    this.work = work;
    this.stopping = false;
    this.failure = undefined;
    this.left = undefined;
    const { signal } = (this.#request = new AbortController());
    const hear = (progress: Progress): void => {
      if (this.work !== work) return;
      this.progress = progress;
      this.left = left.hear(progress);
      this.#giveWay();
    };
    const running = this.#ask(id, () => start(hear, signal));
    this.#running = running;
    const outcome = await running;
    this.work = undefined;
    this.progress = undefined;
    // What was done until then is kept.
    if (!outcome.ok && id !== undefined && outcome.code !== 'worker-aborted') {
      await this.#list(id);
      if (id === projects.id) this.failure = outcome;
    }
    void session.refreshStorage();
    return outcome.ok ? outcome : undefined;
  }
}

/** The offered encoders that this browser does not keep. */
export const offersOf = ({ offered, encoders }: DocumentsState): readonly OfferedEncoder[] =>
  offered.filter(({ id }) => !encoders.some(({ source = '' }) => source.includes(`/${id}/`)));

/** Downloads of offered encoders. */
export const transfersOf = <Each extends { readonly source: string }>(
  { offered }: DocumentsState,
  list: readonly Each[],
): Each[] => list.filter(({ source }) => offered.some(({ id }) => source.includes(`/${id}/`)));

/** The documents of the studio's project. */
export const projectDocuments = ofStudio((studio) => new DocumentsState(studio));

/** How far the work on documents is: “120 of 917 chunks, about 20 s left”. @param left seconds, if that is known */
export function detailWords(progress: Progress, left: number | undefined): string {
  const { what, done, total } = progress;
  const words =
    what === 'dividing'
      ? `${count(done)} of ${plural(total, 'document')} read`
      : what === 'comparing'
        ? `${count(done)} of ${plural(total, 'passage')} read`
        : what === 'embedding' || what === 'indexing'
          ? `${count(done)} of ${plural(total, 'chunk')}`
          : undefined;
  if (words === undefined || total === 0) return farWords(progress, left);
  return left === undefined ? words : `${words}, about ${roughly(left)} left`;
}

/** The examples that are open: where they come from, how they are split, cut and mended, and one row as the model sees it. */
import { HELD_BYTES, type FileContent } from '../../data/file-content.ts';
import { messageOf } from '../../errors.ts';
import type {
  ChangedData,
  DataHistory,
  DataName,
  DataOptions,
  DataSetInfo,
  DataSummary,
  Failure,
  PreviewRow,
  Progress,
} from '../../worker/api.ts';
import { paceOf, type ImportPace } from './time-left.ts';
import { fetchBytes } from '../start/fetch.ts';
import { sampleSplit } from '../start/sample-parts.ts';
import type { SampleDataSet } from '../start/samples.svelte.ts';
import type { Columns } from './columns.svelte.ts';
import type { ProjectsState } from '../state/projects.svelte.ts';
import type { SessionState } from '../state/session.svelte.ts';
import { SPLIT, type RowReading, type SecondUse, type Source } from './source.ts';

/** What opening rows is for. */
type About = Omit<DataName, 'name' | 'sample'>;

export class Data {
  source = $state.raw<Source>();
  options = $state.raw<DataOptions>(SPLIT);
  summary = $state.raw<DataSummary>();
  reading = $state('');
  /** How far the import is. */
  progress = $state.raw<Progress>();
  /** How fast that goes. */
  pace = $state.raw<ImportPace>();
  /** A file that was brought while rows were open, until a person says what it is. */
  second = $state.raw<File>();
  /** What the person most likely wants with it. */
  likely = $state<'more' | 'replace'>('replace');
  /** The versions of the open rows: changes of rows by hand, and remedies of findings. */
  history = $state.raw<DataHistory>();
  /** Columns that have to be chosen before a file can be read, or are being changed. */
  columns = $state.raw<Columns>();
  failure = $state.raw<Failure>();
  /** The rows that could not be opened last, and how: other options may work. */
  refused = $state.raw<RowReading & { readonly about: About }>();
  /** Which rows are open: SHA-256 of their files. */
  version = $state<string>();
  /** The open rows as the project keeps them. */
  kept = $state.raw<DataSetInfo>();
  /** All that the project keeps, the newest first. */
  sets = $state.raw<readonly DataSetInfo[]>([]);
  row = $state.raw<PreviewRow>();
  rowAt = $state(0);
  /** The row that was asked for last: what reads the row in view again must not overtake a person's choice. */
  wantedAt = 0;
  rowFailure = $state.raw<Failure>();
  /** Changes by hand, in their order. Other rows wait for them: they are changes of the rows that are open now. */
  changes: Promise<unknown> = Promise.resolve();
  /** Readings that were begun. Of two that are not under way in the worker yet, the later one is wanted. */
  #begun = 0;
  /** Those that were begun until then are abandoned: nothing of them is shown. */
  #halted = 0;
  /** What the worker reads, or is going to. */
  #readings: readonly { readonly request: AbortController; readonly answer: Promise<unknown> }[] = [];
  /** Whether the rows that are wanted wait for the model. */
  #forModel = false;
  /** Rows that were asked to be shown: the last one is. */
  #shows = 0;
  /** The same for the list of kept rows. */
  #listed = 0;
  /** Texts that the next run adds as tokens. */
  newTokens = $state.raw<readonly string[]>([]);
  readonly #session: SessionState;
  readonly #projects: ProjectsState;

  constructor(session: SessionState, projects: ProjectsState) {
    this.#session = session;
    this.#projects = projects;
  }

  get rows(): number {
    const rows = this.summary?.rows;
    return rows ? rows.train + rows.validation + rows.test : 0;
  }

  /** Whether rows that are being opened will be read with the model that is opened now. */
  get waitsForModel(): boolean {
    return this.reading !== '' && this.#forModel;
  }

  async openSample(sample: SampleDataSet): Promise<boolean> {
    const turn = await this.#begin(sample.title);
    try {
      const [train, test] = await Promise.all([fetchBytes(sample.train), fetchBytes(sample.test)]);
      const source: Source = {
        name: sample.title,
        file: { name: `${sample.id}.jsonl`, path: `public/samples/${sample.train}`, bytes: train },
        heldOut: { name: `${sample.id}-test.jsonl`, path: `public/samples/${sample.test}`, bytes: test },
        sample,
      };
      return await this.#open(source, sampleSplit(sample), turn);
    } catch (error) {
      if (!this.#isCurrent(turn)) return false;
      this.reading = '';
      this.failure = {
        code: 'app-sample',
        what: `The rows of “${sample.title}” could not be fetched: ${messageOf(error)}`,
        remedy: 'Load the page again, or bring rows of your own.',
      };
      return false;
    }
  }

  async openFile(file: File): Promise<boolean> {
    const turn = await this.#begin(file.name);
    const bytes = await this.#bytesOf(file, turn);
    const { name } = file;
    return bytes !== undefined && this.#openNew({ name, file: { name, bytes } }, turn);
  }

  /** The content of a file, of a large one where it is; undefined if it cannot be read (then `failure` says why) or is not wanted any more. */
  async #bytesOf(file: File, turn: number): Promise<FileContent | undefined> {
    try {
      const isLarge = file.size > HELD_BYTES;
      const bytes = await (isLarge ? file.slice(0, 1) : file).arrayBuffer();
      return isLarge ? file : new Uint8Array(bytes);
    } catch (error) {
      if (!this.#isCurrent(turn)) return undefined;
      this.reading = '';
      this.failure = {
        code: 'app-file',
        what: `${file.name} could not be read: ${messageOf(error)}`,
        remedy: 'Choose it again; it may have moved or changed on disk.',
      };
      return undefined;
    }
  }

  /** Asks which role a file has next to the open rows. @returns whether there is something to ask: a sample is simply replaced */
  offer(file: File): boolean {
    return this.source?.sample === undefined && this.ask(file);
  }

  /**
   * Asks which role a file has next to the open rows, a sample or not.
   *
   * @param likely the answer that is offered first, unless the file's name says that it is a test
   * @returns whether rows are open next to which it could have one
   */
  ask(file: File, likely: 'more' | 'replace' = 'replace'): boolean {
    if (!this.summary || !this.source || this.columns) return false;
    this.second = file;
    this.likely = likely;
    this.#session.announcer.say(`Say how ${file.name} should be used.`);
    return true;
  }

  /** Takes the file that was asked about; the question is then answered. */
  takeSecond(): File | undefined {
    const { second } = this;
    this.second = undefined;
    return second;
  }

  /** Opens the rows with another file next to them. A sample with rows next to it does not count as a sample any more. */
  async addFile(file: File, as: Exclude<SecondUse, 'replace'>): Promise<boolean> {
    if (!this.source) return false;
    const { options } = this;
    const { sample: _, ...source } = this.source;
    const turn = await this.#begin(file.name);
    const bytes = await this.#bytesOf(file, turn);
    if (!bytes) return false;
    const [rows, beside] = [
      { source, options },
      { name: file.name, bytes },
    ];
    const { TEST_FILE } = await import('../../data/parts.ts');
    const { withFile, withTask } = await import('./beside.ts');
    const next = typeof as === 'object' ? withTask(rows, beside, as) : withFile(rows, beside, as);
    return this.#open(next.source, next.options, turn, {
      ...this.#earlier(as === 'test' ? TEST_FILE : undefined),
      keepsTest: true,
    });
  }

  /** Opens the rows without a file that is next to them. @param place of the file, as in the summary */
  async dropFile(place: number): Promise<boolean> {
    const { source, options } = this;
    if (!source) return false;
    const turn = await this.#begin(source.name);
    const { withoutPlace } = await import('./beside.ts');
    const next = withoutPlace({ source, options }, place);
    return this.#open(next.source, next.options, turn, { ...this.#earlier(place), keepsTest: true });
  }

  /**
   * Opens rows that the project keeps, as they were.
   *
   * @param samples the bundled ones, of which it may be one
   * @param about `keepsTest` if they come in place of rows that are open
   */
  async openKept(
    version: string,
    samples: readonly SampleDataSet[],
    about: Pick<DataName, 'keepsTest'> = {},
  ): Promise<boolean> {
    const turn = await this.#begin('the rows of this project');
    const outcome = await this.#session.worker.readData(version);
    if (!this.#isCurrent(turn)) return false;
    if (!outcome.ok) {
      this.reading = '';
      this.failure = outcome;
      return false;
    }
    const { set, file, heldOut, more } = outcome;
    const sample = samples.find(({ id }) => id === set.sample);
    const source: Source = {
      name: set.name,
      file,
      ...(heldOut && { heldOut: { ...heldOut, ...(sample && { path: `public/samples/${sample.test}` }) } }),
      ...(more && { more }),
      ...(sample && { sample }),
    };
    return this.#open(source, set.options, turn, about);
  }

  /** Opens rows that were put together elsewhere. */
  async openReading({ source, options }: RowReading): Promise<boolean> {
    return this.#open(source, options, await this.#begin(source.name), this.#earlier());
  }

  /** Deletes rows that the project keeps. */
  async remove(version: string): Promise<void> {
    const outcome = await this.#session.worker.deleteData(version);
    if (!outcome.ok) this.failure = outcome;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const halted = this.#halted;
    const asked = ++this.#listed;
    const outcome = await this.#session.worker.listData();
    if (outcome.ok && halted === this.#halted && asked === this.#listed) this.sets = outcome.sets;
  }

  /** Nothing is open, as in a new project. */
  forget(): void {
    this.source = undefined;
    this.second = undefined;
    this.history = undefined;
    this.columns = undefined;
    this.options = SPLIT;
    this.summary = undefined;
    this.version = undefined;
    this.kept = undefined;
    this.sets = [];
    this.failure = undefined;
    this.refused = undefined;
    this.row = undefined;
    this.rowFailure = undefined;
  }

  /** Reads the same rows with other options. */
  async change(options: DataOptions, about?: Pick<DataName, 'done' | 'keepsTest'>): Promise<boolean> {
    const { source } = this;
    return source !== undefined && this.#open(source, options, await this.#begin(source.name), about);
  }

  /** Reads the same rows for a model that was opened. Where that fails, no rows are open: the earlier ones were cut for the earlier model. */
  async readFor(options: DataOptions): Promise<boolean> {
    const { source } = this;
    const halted = this.#halted;
    if (await this.change(options)) return true;
    if (halted === this.#halted && source === this.source && this.reading === '') {
      this.summary = undefined;
      this.version = undefined;
      this.kept = undefined;
      this.row = undefined;
      this.history = undefined;
    }
    return false;
  }

  /** Reads the refused rows with other options. */
  async openOtherwise(options: DataOptions): Promise<boolean> {
    if (!this.refused) return false;
    const { source } = this.refused;
    return this.#open(source, options, await this.#begin(source.name));
  }

  /** Opens the refused rows as they were asked for, after the reason is gone. */
  async again(): Promise<boolean> {
    if (!this.refused) return false;
    const { source, options, about } = this.refused;
    if (!(await this.#open(source, options, await this.#begin(source.name), about))) return false;
    if (about.done !== undefined) this.#session.announcer.say(about.done);
    return true;
  }

  /** Reads the rows in a way that mends something, which can be undone. */
  async mend(options: DataOptions, done: string): Promise<boolean> {
    if (!(await this.change(options, { done, keepsTest: true }))) return false;
    this.#session.announcer.say(done);
    return true;
  }

  /** Undoes the latest step of the history. */
  async undo(): Promise<boolean> {
    const { steps = [] } = this.history ?? {};
    return steps.length > 0 && this.goTo(steps.at(-2)?.number ?? 1, 'Undone.');
  }

  /** Opens another version of the rows. @param said when it is open */
  async goTo(version: number, said: string): Promise<boolean> {
    const halted = this.#halted;
    const outcome = await this.#session.worker.optionsOfVersion(version);
    // Another project was opened meanwhile.
    if (halted !== this.#halted) return false;
    if (!outcome.ok) {
      this.failure = outcome;
      return false;
    }
    if (!(await this.change(outcome.options, { keepsTest: true }))) return false;
    this.#session.announcer.say(said);
    return true;
  }

  /** Shows the rows after they were changed by hand. */
  take({ data, options, history, notKept, at }: ChangedData): void {
    this.summary = data;
    this.options = options;
    this.history = history;
    this.failure = notKept;
    if (this.kept) {
      const { train, validation, test } = data.rows;
      this.kept = { ...this.kept, options, rows: train + validation + test };
    }
    void this.show(Math.max(0, Math.min(at ?? this.wantedAt, data.listed - 1)));
  }

  /** Reads the file whose columns were chosen now. */
  async openMapped(): Promise<boolean> {
    if (!this.columns) return false;
    const { source, options, mapping, header, delimiter } = this.columns;
    const isNew = source !== this.source;
    const turn = await this.#begin(source.name);
    const about = { keepsTest: true, ...(isNew && { isNew }) } as const;
    return this.#open(source, { ...options, mapping, header, delimiter }, turn, about);
  }

  /** Opens the editor for the columns of the open file. */
  async mapAgain(): Promise<void> {
    const halted = this.#halted;
    const isCurrent = (): boolean => halted === this.#halted;
    if (this.source && !(await this.#ask(this.source, this.options, isCurrent)) && isCurrent()) {
      this.failure = {
        code: 'app-columns',
        what: `${this.source.name} has no columns.`,
        remedy: 'Columns can be chosen in tables and in JSON.',
      };
    }
  }

  /** The rows whose changes the same rows with other files next to them have. @param gone the place of a file that is taken away */
  #earlier(gone?: number): Pick<DataName, 'earlier'> {
    const { version } = this;
    return version === undefined ? {} : { earlier: { version, ...(gone !== undefined && { gone }) } };
  }

  stop(): void {
    for (const { request } of this.#readings) request.abort();
  }

  /** Ends what is being read, and waits for that: other rows are wanted, or another project. */
  async halt(): Promise<void> {
    this.#halted = this.#begun;
    await this.changes;
    if (this.reading === '') return;
    this.reading = '';
    this.progress = undefined;
    this.stop();
    await Promise.all(this.#readings.map(({ answer }) => answer));
  }

  /** @returns the turn of this reading */
  async #begin(name: string): Promise<number> {
    this.failure = undefined;
    this.reading = name;
    this.pace = undefined;
    const turn = ++this.#begun;
    // Rows that were asked for while another project is being opened are for that one.
    await this.#projects.settled;
    await this.changes;
    return turn;
  }

  /** Whether a reading is still wanted, and no other was begun after it. */
  #isCurrent(turn: number): boolean {
    return turn > this.#halted && turn === this.#begun;
  }

  /** Opens files that came together: rows, more of them, and test rows. */
  async openTogether(source: Source): Promise<boolean> {
    return this.#openNew(source, await this.#begin(source.name));
  }

  async #openNew(source: Source, turn: number): Promise<boolean> {
    const limit = Math.min(SPLIT.maxLength, this.#session.model?.maxPositions ?? SPLIT.maxLength);
    const { usualText } = await import('../task/usual-text.ts');
    const text = usualText(source.file, limit);
    const options = { ...SPLIT, maxLength: limit, ...(text && { text }) };
    return this.#open(source, options, turn, { keepsTest: true, isNew: true });
  }

  /** Opens the editor of columns, if the file has any. */
  async #ask(source: Source, options: DataOptions, isCurrent: () => boolean): Promise<boolean> {
    // Most files have columns that are known.
    const { Columns } = await import('./columns.svelte.ts');
    const columns = new Columns(this.#session, source, options);
    if (!(await columns.look()) || !isCurrent()) return false;
    this.columns = columns;
    this.#session.announcer.say(`Say which column of ${source.name} is what.`);
    return true;
  }

  /** Shows rows as the next run reads them. @param added texts that it adds as tokens */
  readWith(added: readonly string[]): void {
    if (added.join('\n') === this.newTokens.join('\n')) return;
    this.newTokens = added;
    if (this.row) void this.show(this.wantedAt);
  }

  async show(at: number): Promise<void> {
    if (at < 0 || at >= Math.max(this.summary?.listed ?? 0, this.row?.of ?? 0)) return;
    const halted = this.#halted;
    const asked = ++this.#shows;
    this.wantedAt = at;
    const outcome = await this.#session.worker.previewRow(at, this.newTokens);
    if (halted !== this.#halted || asked !== this.#shows) return;
    if (outcome.ok) {
      this.row = outcome.row;
      // A text has fewer rows with new tokens.
      this.rowAt = Math.min(at, (outcome.row.of ?? Infinity) - 1);
      this.rowFailure = undefined;
    } else {
      this.rowFailure = outcome;
    }
  }

  async #open(source: Source, options: DataOptions, turn: number, about: About = {}): Promise<boolean> {
    if (!this.#isCurrent(turn)) return false;
    this.reading = source.name;
    this.#forModel = true;
    const ready = await this.#session.ensureModel();
    if (!this.#isCurrent(turn)) return false;
    this.#forModel = false;
    if (!ready) {
      this.failure = this.#session.modelFailure;
      this.reading = '';
      return false;
    }
    const { name, file, heldOut, more, sample } = source;
    const onProgress = (progress: Progress): void => {
      if (!this.reading || !this.#isCurrent(turn)) return;
      this.progress = progress;
      this.pace = paceOf(this.pace, progress, performance.now());
    };
    const keep = { name, ...about, ...(sample && { sample: sample.id }) };
    const request = new AbortController();
    const others = { heldOut, more };
    const answer = this.#session.worker.openData(file, options, others, onProgress, keep, request.signal);
    const reading = { request, answer };
    this.#readings = [...this.#readings, reading];
    const outcome = await answer;
    this.#readings = this.#readings.filter((other) => other !== reading);
    if (turn <= this.#halted) return false;
    // The worker reads one after the other: rows are shown as they are open there, also while the next ones are read.
    const isCurrent = (): boolean => this.#isCurrent(turn);
    if (isCurrent()) {
      this.reading = '';
      this.progress = undefined;
    }
    if (!outcome.ok) {
      if (!isCurrent()) return false;
      if (outcome.code === 'data-columns' && (await this.#ask(source, options, isCurrent))) return false;
      if (!isCurrent()) return false;
      // The person stopped it: that is no failure.
      if (outcome.code !== 'worker-aborted') this.failure = outcome;
      this.refused = { source, options, about };
      return false;
    }
    if (outcome.project) this.#projects.adopt(outcome.project);
    const isSameRows = this.version === outcome.version;
    this.version = outcome.version;
    this.kept = outcome.kept;
    this.failure = outcome.notKept;
    this.columns = undefined;
    this.refused = undefined;
    this.second = undefined;
    this.history = outcome.history;
    this.source = { ...source, ...outcome.files };
    this.options = outcome.options;
    this.summary = outcome.data;
    this.#session.announcer.say(`${source.name}: ${this.rows} rows are open.`);
    // Rows that are only split differently keep their places, so the same row stays on the screen.
    if (!isSameRows || this.rowAt >= outcome.data.listed) {
      this.row = undefined;
      this.rowAt = this.wantedAt = 0;
    }
    // Nobody waits for them: a person may go on to the settings, which follow the rows at once.
    void this.show(this.wantedAt);
    void this.refresh();
    return true;
  }
}

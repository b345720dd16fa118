/** The examples that are open: where they come from, how they are split and cut, and one row as the model sees it. */
import { messageOf } from '../../errors.ts';
import type {
  DataFile,
  DataOptions,
  DataSetInfo,
  DataSummary,
  Failure,
  PreviewRow,
  Progress,
} from '../../worker/api.ts';
import { fetchBytes } from '../start/fetch.ts';
import type { Sample } from '../start/samples.svelte.ts';
import { Columns } from './columns.svelte.ts';
import type { Projects } from './projects.svelte.ts';
import type { Session } from './session.svelte.ts';

export interface Source {
  readonly name: string;
  readonly file: DataFile;
  readonly heldOut?: DataFile;
  /** The bundled sample that it is. */
  readonly sample?: Sample;
}

/** What the command starts with, too, but for the split. */
const SPLIT: DataOptions = { maxLength: 512, overlong: 'truncate-end', validation: 0.1, test: 0.1, seed: 42 };

export class Data {
  source = $state.raw<Source>();
  options = $state.raw<DataOptions>(SPLIT);
  summary = $state.raw<DataSummary>();
  reading = $state('');
  /** How far the import is. */
  progress = $state.raw<Progress>();
  /** Columns that have to be told before a file can be read, or are being told anew. */
  columns = $state.raw<Columns>();
  failure = $state.raw<Failure>();
  /** What could not be opened last, and how it was asked for: it may be read otherwise. */
  refused = $state.raw<{ readonly source: Source; readonly options: DataOptions }>();
  /** Which rows are open: SHA-256 of their files. */
  version = $state<string>();
  /** The open rows as the project keeps them. */
  kept = $state.raw<DataSetInfo>();
  /** All that the project keeps, the newest first. */
  sets = $state.raw<readonly DataSetInfo[]>([]);
  row = $state.raw<PreviewRow>();
  rowAt = $state(0);
  rowFailure = $state.raw<Failure>();
  /** Another one once what is being read is not wanted any more: nothing of it is shown then. */
  #turn = 0;
  readonly #session: Session;
  readonly #projects: Projects;

  constructor(session: Session, projects: Projects) {
    this.#session = session;
    this.#projects = projects;
  }

  get rows(): number {
    const rows = this.summary?.rows;
    return rows ? rows.train + rows.validation + rows.test : 0;
  }

  async openSample(sample: Sample): Promise<boolean> {
    const turn = await this.#begin(sample.title);
    try {
      const [train, test] = await Promise.all([fetchBytes(sample.train), fetchBytes(sample.test)]);
      const source: Source = {
        name: sample.title,
        file: { name: `${sample.id}.jsonl`, path: `public/samples/${sample.train}`, bytes: train },
        heldOut: { name: `${sample.id}-test.jsonl`, bytes: test },
        sample,
      };
      return await this.#open(source, { ...SPLIT, maxLength: sample.settings.maxLength, test: 0 }, turn);
    } catch (error) {
      if (turn !== this.#turn) return false;
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
    try {
      return await this.#openBytes(file.name, new Uint8Array(await file.arrayBuffer()), turn);
    } catch (error) {
      if (turn !== this.#turn) return false;
      this.reading = '';
      this.failure = {
        code: 'app-file',
        what: `${file.name} could not be read: ${messageOf(error)}`,
        remedy: 'Choose it again; it may have moved or changed on disk.',
      };
      return false;
    }
  }

  async openBytes(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return this.#openBytes(name, bytes, await this.#begin(name));
  }

  /**
   * Opens rows that the project keeps, as they were.
   *
   * @param samples the bundled ones, of which it may be one
   */
  async openKept(version: string, samples: readonly Sample[]): Promise<boolean> {
    const turn = await this.#begin('the rows of this project');
    const outcome = await this.#session.worker.readData(version);
    if (turn !== this.#turn) return false;
    if (!outcome.ok) {
      this.reading = '';
      this.failure = outcome;
      return false;
    }
    const { set, file, heldOut } = outcome;
    const sample = samples.find(({ id }) => id === set.sample);
    const source: Source = {
      name: set.name,
      file,
      ...(heldOut && { heldOut }),
      ...(sample && { sample }),
    };
    return this.#open(source, set.options, turn);
  }

  /** Deletes rows that the project keeps. */
  async remove(version: string): Promise<void> {
    const outcome = await this.#session.worker.deleteData(version);
    if (!outcome.ok) this.failure = outcome;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const turn = this.#turn;
    const outcome = await this.#session.worker.listData();
    if (outcome.ok && turn === this.#turn) this.sets = outcome.sets;
  }

  /** Nothing is open, as in a new project. */
  forget(): void {
    this.source = undefined;
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

  /** The same rows, cut or split otherwise. */
  async change(options: DataOptions): Promise<boolean> {
    const { source } = this;
    return source !== undefined && this.#open(source, options, await this.#begin(source.name));
  }

  /** What was refused, cut otherwise. */
  async openOtherwise(options: DataOptions): Promise<boolean> {
    if (!this.refused) return false;
    const { source } = this.refused;
    return this.#open(source, options, await this.#begin(source.name));
  }

  /** Reads the file whose columns are told now. */
  async openMapped(): Promise<boolean> {
    if (!this.columns) return false;
    const { source, options, mapping, header, delimiter } = this.columns;
    const turn = await this.#begin(source.name);
    return this.#open(source, { ...options, mapping, header, delimiter }, turn);
  }

  /** Tells the columns of the open file anew. */
  async mapAgain(): Promise<void> {
    const turn = this.#turn;
    if (this.source && !(await this.#ask(this.source, this.options, turn)) && turn === this.#turn) {
      this.failure = {
        code: 'app-columns',
        what: `${this.source.name} has no columns.`,
        remedy: 'Only tables and JSON rows can be mapped.',
      };
    }
  }

  async stop(): Promise<void> {
    await this.#session.worker.stopData();
  }

  /** Ends what is being read, and waits for that: other rows are wanted, or another project. */
  async halt(): Promise<void> {
    this.#turn++;
    if (this.reading === '') return;
    this.reading = '';
    this.progress = undefined;
    await this.stop();
  }

  /** @returns the turn of this reading */
  async #begin(name: string): Promise<number> {
    this.failure = undefined;
    this.reading = name;
    const turn = this.#turn;
    // Rows that were asked for while another project is being opened are for that one.
    await this.#projects.settled;
    return turn;
  }

  #openBytes(name: string, bytes: Uint8Array<ArrayBuffer>, turn: number): Promise<boolean> {
    const limit = Math.min(SPLIT.maxLength, this.#session.model?.maxPositions ?? SPLIT.maxLength);
    return this.#open({ name, file: { name, bytes } }, { ...SPLIT, maxLength: limit }, turn);
  }

  /** Opens the editor of columns, if the file has any. */
  async #ask(source: Source, options: DataOptions, turn: number): Promise<boolean> {
    const columns = new Columns(this.#session, source, options);
    if (!(await columns.look()) || turn !== this.#turn) return false;
    this.columns = columns;
    this.#session.announcer.say(`Say which column of ${source.name} is what.`);
    return true;
  }

  async show(at: number): Promise<void> {
    if (at < 0 || at >= (this.summary?.listed ?? 0)) return;
    const turn = this.#turn;
    const outcome = await this.#session.worker.previewRow(at);
    if (turn !== this.#turn) return;
    if (outcome.ok) {
      this.row = outcome.row;
      this.rowAt = at;
      this.rowFailure = undefined;
    } else {
      this.rowFailure = outcome;
    }
  }

  async #open(source: Source, options: DataOptions, turn: number): Promise<boolean> {
    if (turn === this.#turn) this.reading = source.name;
    const ready = turn === this.#turn && (await this.#session.ensureModel());
    if (turn !== this.#turn) return false;
    if (!ready) {
      this.failure = this.#session.modelFailure;
      this.reading = '';
      return false;
    }
    const { name, file, heldOut, sample } = source;
    const onProgress = (progress: Progress): void => {
      if (this.reading && turn === this.#turn) this.progress = progress;
    };
    const outcome = await this.#session.worker.openData(file, options, heldOut, onProgress, {
      name,
      ...(sample && { sample: sample.id }),
    });
    if (turn !== this.#turn) return false;
    this.reading = '';
    this.progress = undefined;
    if (!outcome.ok) {
      if (outcome.code === 'data-columns' && (await this.#ask(source, options, turn))) return false;
      if (turn !== this.#turn) return false;
      // Stopped is what was asked for.
      if (outcome.code !== 'worker-aborted') this.failure = outcome;
      this.refused = { source, options };
      return false;
    }
    if (outcome.project) this.#projects.adopt(outcome.project);
    this.version = outcome.version;
    this.kept = outcome.kept;
    this.failure = outcome.notKept;
    this.columns = undefined;
    this.refused = undefined;
    this.source = source;
    this.options = options;
    this.summary = outcome.data;
    this.#session.announcer.say(`${source.name}: ${this.rows} rows are open.`);
    await Promise.all([this.show(0), this.refresh()]);
    return true;
  }
}

/** Opens rows. The settings of the next run, the task and the question follow the rows that are open. */
import type { DataName, DataOptions } from '../../worker/api.ts';
import type { SampleDataSet, ShownSample } from '../start/samples.svelte.ts';
import type { SecondUse, Source } from './source.ts';
import type { Studio } from '../state/studio.svelte.ts';

export class RowOpener {
  readonly #studio: Studio;
  /** Counts what a person brought: what comes of it is shown. */
  brought = $state(0);
  /** The second of two files, until the first is open. */
  #next: File | undefined;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** The bundled sample that the open rows are, if they are one. */
  get sample(): ShownSample | undefined {
    const { samples, data } = this.#studio;
    return samples.list.find(({ id }) => id === data.source?.sample?.id);
  }

  /** What to ask a model that learned the open rows; '' if none of them has a question. */
  get question(): string {
    return this.sample?.question ?? this.#studio.data.summary?.prompt ?? '';
  }

  async openSample(sample: SampleDataSet): Promise<boolean> {
    this.#bring();
    return this.#opened(await this.#studio.data.openSample(sample));
  }

  /** Where rows are open already, the page asks which role the file has. @returns whether its rows are open */
  openFile(file: File): Promise<boolean> {
    return this.openFiles([file]);
  }

  /** Opens the first of several files, which is not one of test rows, and asks which role the second has. @returns as `openFile` */
  async openFiles(files: readonly File[]): Promise<boolean> {
    const { data } = this.#studio;
    const isTest = ({ name }: File): boolean => /test|eval|valid/i.test(name);
    const [first, second] = [...files].sort((a, b) => Number(isTest(a)) - Number(isTest(b)));
    if (/\.zip$/i.test(first.name)) {
      const { openZip } = await import('./together.svelte.ts');
      return openZip(this.#studio, first);
    }
    this.#bring(second);
    if (data.offer(first)) return false;
    return this.#opened(await data.openFile(first));
  }

  /** Opens files that came together in place of the open rows. */
  async openTogether(source: Source): Promise<boolean> {
    this.#bring();
    return this.#opened(await this.#studio.data.openTogether(source));
  }

  openText(name: string, text: string): Promise<boolean> {
    return this.openFile(new File([text], name));
  }

  /** Opens pairs of a preferred and a rejected answer. @param rows as JSONL */
  openPreferences(rows: string): Promise<boolean> {
    this.#studio.route.go('data');
    return this.openText('preferences.jsonl', rows);
  }

  /** Reads a file with the columns that a person chose. */
  async openMapped(): Promise<boolean> {
    this.brought++;
    return this.#opened(await this.#studio.data.openMapped());
  }

  /** Reads a file that was refused with other options. */
  async openOtherwise(options: DataOptions): Promise<boolean> {
    this.brought++;
    return this.#opened(await this.#studio.data.openOtherwise(options));
  }

  /** Opens the rows that were refused for the sake of a locked test part, after it was unlocked. */
  openUnlocked(): Promise<boolean> {
    const { data, settings } = this.#studio;
    const { refused } = data;
    // Files that came in place of the open ones have settings of their own.
    const isOther = refused && refused.about.earlier === undefined && refused.source !== data.source;
    if (!isOther) return settings.keepThrough(() => data.again());
    this.brought++;
    return data.again().then((well) => this.#opened(well));
  }

  /** Opens other rows that the project keeps, in place of the open ones. A sample's task leaves with its rows. */
  async openKept(version: string): Promise<boolean> {
    this.#bring();
    // The same file may be kept with other test rows next to it.
    if (!(await this.openAgain(version, { keepsTest: true }))) return false;
    this.#suitTask();
    return true;
  }

  /** Opens rows that the project keeps, as they were left. The task stays. */
  async openAgain(version: string, about?: Pick<DataName, 'keepsTest'>): Promise<boolean> {
    const { data, samples } = this.#studio;
    if (!(await data.openKept(version, samples.list, about))) return false;
    this.#follow();
    return true;
  }

  /** Gives the second file the role that a person chose. */
  async useSecond(as: SecondUse): Promise<boolean> {
    const { data } = this.#studio;
    const file = data.takeSecond();
    if (!file) return false;
    this.brought++;
    return as === 'replace' ? this.#opened(await data.openFile(file)) : this.addFile(file, as);
  }

  /** Opens a file next to the rows. */
  addFile(file: File, as: Exclude<SecondUse, 'replace'>): Promise<boolean> {
    const { settings, data } = this.#studio;
    return settings.keepThrough(() => data.addFile(file, as));
  }

  /** Removes a file that was opened next to the rows. @param place of the file, as in the summary */
  dropFile(place: number): Promise<boolean> {
    const { settings, data } = this.#studio;
    return settings.keepThrough(() => data.dropFile(place));
  }

  /** Reads the open rows again for another model, and cuts them at its limit. */
  async readAgain(): Promise<void> {
    const { data, session } = this.#studio;
    const { maxLength } = data.options;
    const limit = session.model?.maxPositions ?? maxLength;
    this.#opened(await data.readFor({ ...data.options, maxLength: Math.min(maxLength, limit) }));
  }

  /** voice 1, voice 2: runs of the same rows have different names. */
  nextName(): string {
    const { data, runs } = this.#studio;
    return runs.freeName(data.source?.file.name.replace(/\.\w+$/, '') ?? 'run');
  }

  /** Gives the next run another name once a run of the list has its name. */
  renameNext(): void {
    const { runs, settings } = this.#studio;
    if (runs.list.some(({ options }) => options.name === settings.options.name))
      settings.set('name', this.nextName());
  }

  #bring(next?: File): void {
    this.brought++;
    this.#next = next;
  }

  #opened(well: boolean): boolean {
    if (!well) return false;
    const { session, projects } = this.#studio;
    if (session.model) void projects.keepModel(session.model.name, session.model.bundled);
    this.#follow();
    this.#suitTask();
    if (this.#next) this.#studio.data.offer(this.#next);
    this.#next = undefined;
    return true;
  }

  #follow(): void {
    const { settings, chat } = this.#studio;
    settings.follow(this.nextName(), this.sample);
    this.renameNext();
    chat.suggestUnlessWritten(this.question);
  }

  #suitTask(): void {
    const { task, samples } = this.#studio;
    task.suit(this.sample, samples.list);
  }
}

/** The open project: the state modules, and what goes across them. */
import { device } from './device.svelte.ts';
import type {
  BaseWeights,
  DeviceChoice,
  DataOptions,
  ModelRef,
  ProjectInfo,
  RunSummary,
} from '../../worker/api.ts';
import { Everything } from '../storage/everything.svelte.ts';
import { isSameModel } from '../ui/model-names.ts';
import { Samples, type Sample, type ShownSample } from '../start/samples.svelte.ts';
import { Adapters } from './adapters.svelte.ts';
import { Chat } from './chat.svelte.ts';
import { Data } from './data.svelte.ts';
import { Downloads } from './downloads.svelte.ts';
import { Evaluation } from './evaluation.svelte.ts';
import { Exporting } from './exporting.svelte.ts';
import { FewShot } from './few-shot.svelte.ts';
import { Models } from './models.svelte.ts';
import { Preferences } from './preferences.svelte.ts';
import { Projects } from './projects.svelte.ts';
import { Route, STAGES } from './route.svelte.ts';
import { nowOf } from './now.ts';
import type { Now } from './origin.ts';
import { Opening, openingWords, type OpeningWords } from './opening.svelte.ts';
import { MemoryForecast } from './plan.svelte.ts';
import { Results } from './results.svelte.ts';
import { Run } from './run.svelte.ts';
import { Runs } from './runs.svelte.ts';
import { BUNDLED, Session } from './session.svelte.ts';
import type { Settings } from './settings.svelte.ts';
import type { SecondUse } from './source.ts';
import { Task } from './task.svelte.ts';
import { TimeForecast } from './time.svelte.ts';

/** The length at which a question that names a project is cut. */
const NAME_CHARS = 40;

export class Studio {
  readonly session = new Session();
  readonly route = new Route();
  readonly samples = new Samples();
  readonly projects = new Projects(this.session);
  readonly models = new Models(this.session);
  readonly downloads = new Downloads(this.session, this.models);
  readonly task = new Task();
  readonly data = new Data(this.session, this.projects);
  readonly runs = new Runs(this.session, this.projects);
  readonly adapters = new Adapters(this.session, this.projects);
  readonly exporting = new Exporting(this.session);
  readonly forecast = new MemoryForecast(this.session);
  readonly time = new TimeForecast(this.session);
  readonly run = new Run(this.session, (ended) => void (ended ? this.#ended() : this.#saved()));
  readonly results = new Results(this.session, this.projects);
  readonly baseline = new Evaluation(this.session, this.results, 'baseline');
  readonly fewShot = new FewShot(this.session, this.results);
  readonly evaluation = new Evaluation(this.session, this.results, 'evaluation');
  readonly preferences = new Preferences(this.results);
  readonly chat = new Chat(this.session, this.results, this.preferences);
  readonly everything = new Everything(this.session);
  readonly #opening = new Opening();
  /** Loaded after the first screen, with the table of settings. */
  #settings = $state.raw<Settings>();
  /** It reads what another tab has changed, and has to read again. */
  #following = false;
  #followAgain = false;
  /** When what was open before a reload is known. */
  readonly #ready: Promise<void>;

  constructor() {
    this.session.whenOpened = ({ name, bundled }, another, anew) => {
      if (anew) this.run.leaveDevice();
      void this.projects.keepModel(name, bundled);
      void this.models.refresh();
      if (another) void this.#readAgain();
    };
    this.task.keep = () => void this.#keepTask();
    this.chat.begin = (prompt) => this.#keepChat(prompt);
    this.#ready = this.#begin();
    void this.session.worker.watchTabs(() => void this.#changedElsewhere());
  }

  /** The settings of the next run. Only once they are loaded: see `equipped`. */
  get settings(): Settings {
    if (!this.#settings) throw new Error('The settings are not loaded yet');
    return this.#settings;
  }

  /** What the project should have again after a reload. Reads all of it, so that an effect knows when to write it. */
  get page(): object {
    if (!this.#settings) return {};
    const { options, places } = this.#settings;
    return { task: this.task.texts, settings: options, settingsOf: places, chat: this.chat.choices };
  }

  /** What of a project is being opened; undefined once all of it is there. */
  get opening(): OpeningWords | undefined {
    const { current, remembered } = this.projects;
    const rows = this.#opening.rows && current?.data && !this.data.summary ? 'rows' : undefined;
    const step = this.#opening.step ?? rows;
    if (step === undefined) return undefined;
    const { name } = current ?? remembered ?? {};
    return openingWords({ step, name, model: this.session.opening, rows: this.data.progress });
  }

  /** Whether it is not known yet what the project holds: no stage can be drawn before. */
  get unknown(): boolean {
    return this.#opening.step !== undefined;
  }

  /** Whether what every stage needs is loaded. */
  get equipped(): boolean {
    return this.#settings !== undefined;
  }

  /** First visit: the whole path on the bundled model and a sample, with what the sample suggests. */
  async tuneNow(sample: ShownSample): Promise<void> {
    await this.#ready;
    if (this.run.active) return;
    await this.data.halt();
    const open = this.projects.current?.data;
    // Rows of another kind stay in the project that they are in.
    if (open && open.sample !== sample.id && !(await this.leaveProject())) return;
    this.route.go('train');
    this.run.prepare();
    const ready = (await this.session.openBundled()) && (await this.openSample(sample));
    if (!ready) {
      this.run.preparing = false;
      this.run.failure = this.session.modelFailure ?? this.data.failure;
      return;
    }
    // The one button starts what the sample suggests, whatever was tried on it before.
    this.settings.suit(this.#nextName(), this.#sample);
    await this.startRun();
  }

  /** Opens a project where it was left. */
  async openProject(id: string): Promise<void> {
    await this.#ready;
    if (this.run.active) return;
    if (id !== this.projects.id) await this.data.halt();
    const next = this.#opening.begin('project');
    const project = await this.projects.open(id);
    if (project) await this.#load(project).finally(() => next());
    else return next();
    this.route.go(STAGES.find((stage) => stage === project.place) ?? 'task');
    await this.openRows();
  }

  /** An empty project, which is kept once there is something in it. @returns whether it worked */
  async leaveProject(): Promise<boolean> {
    if (this.run.active) return false;
    await this.data.halt();
    if (!(await this.projects.close())) return false;
    this.#reset();
    return true;
  }

  /** An empty project, at the stage that fills it. */
  async beginProject(): Promise<void> {
    if (await this.leaveProject()) this.route.go('data');
  }

  async removeProject(project: ProjectInfo): Promise<void> {
    const open = project.id === this.projects.id;
    if (open) await this.data.halt();
    if (!(await this.projects.remove(project))) return;
    if (open) this.#reset();
    await Promise.all([this.runs.refresh(), this.adapters.refresh()]);
  }

  async restoreProject(id: string): Promise<void> {
    await this.projects.restore(id);
    await Promise.all([this.runs.refresh(), this.adapters.refresh()]);
  }

  /** Lists again what is kept. */
  async refresh(): Promise<void> {
    const { projects, runs, adapters, models } = this;
    await Promise.all([projects, runs, adapters, models].map((part) => part.refresh()));
  }

  /** After an import, which may have brought results of the open project. */
  async imported(): Promise<void> {
    await this.refresh();
    if (this.projects.id !== undefined) await this.#showResults(this.projects.id);
  }

  /** Takes a kept model away. What has no project goes on with the bundled one then. */
  async removeModel(name: string): Promise<void> {
    const { session, models } = this;
    const isThis = (model: ModelRef | undefined): boolean => model?.name === name && !model.bundled;
    const open = isThis(session.model);
    await models.remove(name);
    if (models.list.some((model) => model.name === name)) return;
    if (open) this.run.leaveDevice();
    if (this.projects.id === undefined && isThis(session.wanted)) session.want(BUNDLED);
  }

  /** Loads the open model again with its weights held in another way. A paused run goes on from its checkpoint. */
  async holdBase(baseWeights: BaseWeights): Promise<void> {
    if (this.run.active || this.session.opening) return;
    if (await this.session.holdBase(baseWeights)) this.run.leaveDevice();
  }

  /** Computes on another device, where the open model is loaded again. A paused run goes on from its checkpoint. */
  async changeDevice(choice: DeviceChoice): Promise<void> {
    const { run, session } = this;
    if (run.active || session.opening) return;
    const changed = await device.choose(choice, session.worker);
    run.leaveDevice();
    await session.reopen();
    if (changed && device.facts) session.announcer.say(`Graft computes on ${device.facts.name} now.`);
  }

  /** Goes on with a run, in its project. */
  async resume(record: RunSummary): Promise<void> {
    if (record.projectId !== this.projects.id) await this.openProject(record.projectId);
    this.route.go('train');
    await this.run.resume(record);
  }

  /** The rows of the project, where they are not open yet: each stage needs them. */
  openRows(): Promise<void> {
    return this.#opening.whileRows(async () => {
      await Promise.all([this.#ready, this.samples.ready]);
      await this.projects.settled;
      const kept = this.projects.current?.data;
      if (kept && !this.data.summary && !this.data.reading) await this.#openKept(kept.version);
    });
  }

  /** Other rows that the project keeps, in place of the open ones: a sample's task leaves with its rows. */
  async openKept(version: string): Promise<boolean> {
    if (!(await this.#openKept(version))) return false;
    this.task.suit(this.#sample, this.samples.list);
    return true;
  }

  async #openKept(version: string): Promise<boolean> {
    if (!(await this.data.openKept(version, this.samples.list))) return false;
    this.#followRows();
    return true;
  }

  async openSample(sample: Sample): Promise<boolean> {
    return this.#opened(await this.data.openSample(sample));
  }
  /** Where rows are open already, a person is asked what the file is to them. @returns whether its rows are open */
  async openFile(file: File): Promise<boolean> {
    if (this.data.offer(file)) return false;
    return this.#opened(await this.data.openFile(file));
  }
  /** Reads a file, with what a person said of its columns. */
  async openMapped(): Promise<boolean> {
    return this.#opened(await this.data.openMapped());
  }
  /** Reads a file otherwise that was refused. */
  async openOtherwise(options: DataOptions): Promise<boolean> {
    return this.#opened(await this.data.openOtherwise(options));
  }
  async openText(name: string, text: string): Promise<boolean> {
    return this.openFile(new File([text], name));
  }
  /** The pairs of answers that a person preferred one of, as rows. */
  openPreferences(rows: string): Promise<boolean> {
    this.route.go('data');
    return this.openText('preferences.jsonl', rows);
  }
  /** Uses the second file as a person said. */
  async useSecond(as: SecondUse): Promise<boolean> {
    const file = this.data.takeSecond();
    if (!file) return false;
    return as === 'replace' ? this.#opened(await this.data.openFile(file)) : this.addFile(file, as);
  }
  /** Opens a file beside the rows. */
  addFile(file: File, as: Exclude<SecondUse, 'replace'>): Promise<boolean> {
    return this.settings.keepThrough(() => this.data.addFile(file, as));
  }
  /** Goes on without a file that was opened beside the rows. @param place of the file, as in the summary */
  dropFile(place: number): Promise<boolean> {
    return this.settings.keepThrough(() => this.data.dropFile(place));
  }

  async startRun(): Promise<void> {
    if (this.settings.faults.length > 0) {
      this.run.preparing = false;
      return;
    }
    await this.run.start(this.settings.options);
  }

  /** The question of the sample (or of the run) to both sides. A run that trains pauses for it. */
  async askBoth(): Promise<void> {
    if (this.run.active) await this.run.pause();
    this.route.go('use');
    this.#useCurrent();
    // What is on trial stands beside what it came from.
    const { options, hasAdapter, record } = this.run;
    if (options?.trial && hasAdapter)
      this.chat.sides = [
        options.start?.id ?? 'base',
        this.adapters.list.find(({ runId }) => runId === record?.id)?.id ?? 'current',
      ];
    this.chat.clear();
    const prompt = this.run.options?.samplePrompt ?? '';
    if (prompt) await this.chat.ask(prompt);
  }

  /** An adapter of the library on the right side, against what is on the left. */
  chatWith(id: string): void {
    this.chat.sides = [this.chat.sides[0] === id ? 'base' : this.chat.sides[0], id];
    document.getElementById('chat-prompt')?.focus();
  }

  #useCurrent(): void {
    this.chat.sides = ['base', this.currentAdapter];
  }

  /** Tells what is out of date. */
  get now(): Now {
    return nowOf(this);
  }

  /** The adapter of the run on the screen, by id once it is kept. */
  get currentAdapter(): string {
    if (this.run.status === 'cancelled') return this.#latestAdapter;
    const id = this.run.record?.id;
    const kept = id === undefined ? undefined : this.adapters.list.find(({ runId }) => runId === id);
    if (kept && !kept.trial) return kept.id;
    return this.run.hasAdapter && !this.run.options?.trial ? 'current' : this.#latestAdapter;
  }

  /** The project's latest adapter, one for the open model if there is any. */
  get #latestAdapter(): string {
    const own = this.adapters.own.filter(({ trial }) => !trial);
    const open = this.session.model?.name;
    const suited = own.find(({ baseModel }) => open !== undefined && isSameModel(baseModel, open));
    return (suited ?? own.at(0))?.id ?? 'base';
  }

  /** voice 1, voice 2: runs of the same rows stay apart. */
  #nextName(): string {
    const file = this.data.source?.file.name.replace(/\.\w+$/, '') ?? 'run';
    const taken = this.runs.list.map(({ options }) => options.name);
    let number = 1;
    while (taken.includes(`${file} ${number}`)) number++;
    return `${file} ${number}`;
  }

  /** A run that is in the list has taken its name. */
  #renameNext(): void {
    if (this.runs.list.some(({ options }) => options.name === this.settings.options.name))
      this.settings.set('name', this.#nextName());
  }

  /** After a reload: the project that was open, with its curve. Its rows follow when a stage is open. */
  async #begin(): Promise<void> {
    const next = this.#opening.begin(this.projects.expected ? 'list' : undefined);
    const loaded = import('./settings.svelte.ts');
    const others = Promise.all([this.runs.refresh(), this.models.refresh()]);
    await this.projects.refresh();
    const before = this.projects.remembered;
    next(before && 'project');
    await others;
    const { Settings } = await loaded;
    this.#settings = new Settings(this.session, this.data);
    const project = before && (await this.projects.open(before.id));
    if (project) await this.#load(project).finally(() => next());
    else {
      next();
      this.session.want(this.#usual);
      this.task.load(undefined);
    }
  }

  /** What a new project works with: the model that is open, or was opened last and is kept. */
  get #usual(): ModelRef {
    const { model, last } = this.session;
    if (model) return { name: model.name, bundled: model.bundled };
    return last.bundled || this.models.list.some(({ name }) => name === last.name) ? last : BUNDLED;
  }

  async #load({ id, model, page }: ProjectInfo): Promise<void> {
    this.#reset(model);
    this.task.load('task' in page ? page.task : undefined);
    this.settings.load(
      'settings' in page ? page.settings : undefined,
      'settingsOf' in page ? page.settingsOf : undefined,
    );
    const latest = this.runs.resumable ?? this.runs.list.at(0);
    if (latest) await this.run.show(latest);
    this.chat.load('chat' in page ? page.chat : undefined);
    await this.#showResults(id);
  }

  /** What the project keeps of what was measured and asked. What is on the screen already is the latest. */
  async #showResults(id: string): Promise<void> {
    const kept = await this.results.read();
    if (id !== this.projects.id) return;
    if (!this.baseline.result) this.baseline.show(kept.baseline);
    if (!this.fewShot.report) this.fewShot.show(kept.fewShot);
    if (!this.evaluation.result) this.evaluation.show(kept.evaluation);
    if (this.chat.turns.length === 0) this.chat.show(kept.chat);
    if (this.preferences.count === 0) this.preferences.show(kept.preferences);
  }

  #reset(model = this.#usual): void {
    this.task.title = this.task.success = '';
    this.data.forget();
    this.settings.load(undefined);
    this.run.forget();
    this.chat.forget();
    this.preferences.show(undefined);
    this.baseline.forget();
    this.fewShot.forget();
    this.evaluation.forget();
    this.session.want(model);
  }

  async #keepTask(): Promise<void> {
    if (this.projects.id === undefined && this.task.title.trim() !== '')
      await this.projects.create(this.task.title);
  }

  /** A conversation is worth keeping: without a project it makes one, of the question's first words. */
  async #keepChat(prompt: string): Promise<void> {
    if (this.projects.id === undefined) await this.projects.create(prompt.trim().slice(0, NAME_CHARS));
  }

  async #readAgain(): Promise<void> {
    if (!this.data.source) return;
    const limit = this.session.model?.maxPositions ?? this.data.options.maxLength;
    const options = { ...this.data.options, maxLength: Math.min(this.data.options.maxLength, limit) };
    this.#opened(await this.data.readFor(options));
  }

  #opened(well: boolean): boolean {
    if (!well) return false;
    const { model } = this.session;
    if (model) void this.projects.keepModel(model.name, model.bundled);
    this.#followRows();
    this.task.suit(this.#sample, this.samples.list);
    return true;
  }

  /** Settings and question are those of the rows that are open now. */
  #followRows(): void {
    this.settings.follow(this.#nextName(), this.#sample);
    this.#renameNext();
    this.chat.suggest(this.question);
  }

  /** What to ask of the open rows; '' where none of them asks. */
  get question(): string {
    return this.#sample?.question ?? this.data.summary?.prompt ?? '';
  }

  get #sample(): ShownSample | undefined {
    return this.samples.list.find(({ id }) => id === this.data.source?.sample?.id);
  }

  /** The run that is trained lies in storage for the first time: it is one of the list. */
  async #saved(): Promise<void> {
    await Promise.all([this.runs.refresh(), this.projects.refresh()]);
    const record = this.runs.all.find(({ status }) => status === 'running');
    if (!record || !this.run.active) return;
    this.run.record ??= record;
    this.projects.follow(record.projectId);
    this.#renameNext();
  }

  /** Another tab has saved, paused or ended a run, or is gone: lists and the run on the screen follow. */
  async #changedElsewhere(): Promise<void> {
    // What comes while it reads is read once more, after it.
    if (this.#following) {
      this.#followAgain = true;
      return;
    }
    this.#following = true;
    do {
      this.#followAgain = false;
      await this.refresh();
      const shown = this.runs.all.find(({ id }) => id === this.run.record?.id);
      const { status, last } = this.run;
      if (shown && (shown.status !== status || shown.step !== (last?.step ?? 0))) await this.run.show(shown);
    } while (this.#followAgain);
    this.#following = false;
  }

  async #ended(): Promise<void> {
    if (this.run.record) this.projects.follow(this.run.record.projectId);
    await this.refresh();
    this.#renameNext();
    const { status, options } = this.run;
    if ((status === 'done' || status === 'stopped') && !options?.trial) this.#useCurrent();
  }
}

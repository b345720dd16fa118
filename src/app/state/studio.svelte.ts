/** The studio: all parts of the page's state, and the connections between them. */
import type { ModelInfo, RunSummary } from '../../worker/api.ts';
import { Samples, type ShownSample } from '../start/samples.svelte.ts';
import { Adapters } from '../use/adapters.svelte.ts';
import { BaseModel } from '../task/base-model.ts';
import { Chat } from '../use/chat.svelte.ts';
import { Data } from '../data/data.svelte.ts';
import { DownloadsState } from '../task/downloads.svelte.ts';
import type { Equipment } from './equipment.ts';
import { EvaluationState } from '../evaluate/evaluation.svelte.ts';
import { FewShotState } from '../evaluate/few-shot.svelte.ts';
import { ModelsState } from '../task/models.svelte.ts';
import { OpenProject } from './open-project.ts';
import type { NowOpen } from '../evaluate/origin.ts';
import { MemoryForecast } from '../train/plan.svelte.ts';
import { PreferencesState } from './preferences.svelte.ts';
import { ProjectsState } from './projects.svelte.ts';
import { ResultsState } from '../evaluate/results.svelte.ts';
import { Route } from './route.svelte.ts';
import { RunFollower } from '../train/run-follower.ts';
import { Run } from '../train/run.svelte.ts';
import { RunsState } from '../train/runs.svelte.ts';
import { SessionState } from './session.svelte.ts';
import { TaskState } from '../task/task.svelte.ts';
import { TimeForecast } from '../train/time.svelte.ts';

export class Studio {
  readonly session = new SessionState();
  readonly route = new Route();
  readonly samples = new Samples();
  readonly projects = new ProjectsState(this.session);
  readonly models = new ModelsState(this.session);
  readonly downloads = new DownloadsState(this.session, this.models);
  readonly task = new TaskState();
  readonly data = new Data(this.session, this.projects);
  readonly runs = new RunsState(this.session, this.projects);
  readonly adapters = new Adapters(this.session, this.projects);
  readonly forecast = new MemoryForecast(this.session);
  readonly time = new TimeForecast(this.session);
  readonly #follower = new RunFollower(this);
  readonly run = new Run(this.session, (ended) => void this.#follower.changed(ended));
  readonly results = new ResultsState(this.session, this.projects);
  readonly baseline = new EvaluationState(this.session, this.results, 'baseline');
  readonly fewShot = new FewShotState(this.session, this.results);
  readonly evaluation = new EvaluationState(this.session, this.results, 'evaluation');
  readonly preferences = new PreferencesState(this.results);
  readonly chat = new Chat(this.session, this.results, this.preferences);
  readonly project = new OpenProject(this);
  readonly base = new BaseModel(this);
  /** Resolves when the stages can be used and the project that was open before a reload is known. */
  readonly ready: Promise<void>;
  /** Missing until it is loaded, after the first screen. */
  #equipment = $state.raw<Equipment>();

  constructor() {
    this.session.whenOpened = (model, another, anew) => this.#modelOpened(model, another, anew);
    this.task.keep = () => void this.project.keepTask();
    this.chat.begin = (prompt) => this.project.keepChat(prompt);
    this.ready = this.project.restoreLast(async () => {
      const { Equipment } = await import('./equipment.ts');
      this.#equipment = new Equipment(this);
    });
    void this.session.worker.watchTabs((news) => void this.#follower.changedElsewhere(news));
  }

  /** Whether the parts that every stage needs are loaded: `settings`, `rows` and `inUse`. */
  get equipped(): boolean {
    return this.#equipment !== undefined;
  }

  /** The settings of the next run. */
  get settings(): Equipment['settings'] {
    return this.#loaded.settings;
  }

  /** Opens rows, which the settings, the task and the question follow. */
  get rows(): Equipment['rows'] {
    return this.#loaded.rows;
  }

  /** The adapter that the project works with. */
  get inUse(): Equipment['inUse'] {
    return this.#loaded.inUse;
  }

  /** The page's part of the project, to be restored after a reload. Reads all of it, so that an effect knows when to write it. */
  get page(): object {
    if (!this.equipped) return {};
    const { options, places } = this.settings;
    return { task: this.task.kept, settings: options, settingsOf: places, chat: this.chat.choices };
  }

  /** The current inputs of a measurement: one with other inputs is out of date. */
  get now(): NowOpen {
    const { session, data, projects, adapters, runs, run } = this;
    // Rows of a project that was just opened are read when a stage needs them.
    const kept = data.kept ?? projects.current?.data;
    const version = data.version ?? kept?.version;
    const options = data.summary && !data.kept ? data.options : kept?.options;
    return {
      model: session.model ?? session.wanted,
      ...(version !== undefined && options && { rows: { version, options } }),
      ...(adapters.loaded && { adapters: adapters.list }),
      ...(adapters.mixture !== undefined && { mixture: adapters.mixture }),
      ...(runs.loaded && {
        runs: runs.all.map(({ id, step }) => ({
          id,
          step: id === run.record?.id ? (run.last?.step ?? 0) : step,
        })),
      }),
    };
  }

  /** First visit: the whole path on the bundled model and a sample, with the settings that the sample suggests. */
  async tuneNow(sample: ShownSample): Promise<void> {
    await this.ready;
    if (this.run.active) return;
    await this.data.halt();
    const open = this.projects.current?.data;
    // Rows of another kind stay in the project that they are in.
    if (open && open.sample !== sample.id && !(await this.project.leave())) return;
    this.route.go('train');
    this.run.prepare();
    const ready = (await this.session.openBundled()) && (await this.rows.openSample(sample));
    if (!ready) {
      this.run.preparing = false;
      this.run.failure = this.session.modelFailure ?? this.data.failure;
      return;
    }
    // The one button starts what the sample suggests, whatever was tried on it before.
    this.settings.suit(this.rows.nextName(), this.rows.sample);
    await this.startRun();
  }

  async startRun(): Promise<void> {
    if (this.settings.faults.length > 0) {
      this.run.preparing = false;
      return;
    }
    // The name of a recipe, or one that was typed, may be that of another run.
    const { options } = this.settings;
    await this.run.start({ ...options, name: this.runs.unlike(options.name) });
  }

  /** Resumes a run, in its project. */
  async resume(record: RunSummary): Promise<void> {
    if (record.projectId !== this.projects.id) await this.project.open(record.projectId);
    this.route.go('train');
    await this.run.resume(record);
  }

  /** Reads the lists again. */
  async refresh(): Promise<void> {
    const { projects, runs, adapters, models } = this;
    await Promise.all([projects, runs, adapters, models].map((part) => part.refresh()));
  }

  get #loaded(): Equipment {
    if (!this.#equipment) throw new Error('The equipment of the stages is not loaded yet');
    return this.#equipment;
  }

  #modelOpened({ name, bundled }: ModelInfo, another: boolean, anew: boolean): void {
    if (anew) this.run.leaveDevice();
    void this.projects.keepModel(name, bundled);
    void this.models.refresh();
    if (another && this.data.source && !this.data.waitsForModel) void this.rows.readAgain();
  }
}

/** A further short run on accepted feedback: it assembles the rows, plans, trains and measures against the adapter in use; then a person decides. */
import { rowsOfEntry } from '../../../data/feedback.ts';
import { comparedOf, type Side } from '../../../evaluate/sides.ts';
import { judgeChange, type Change } from '../../../evaluate/change.ts';
import type {
  AdapterInfo,
  Failure,
  FeedbackEntry,
  Further as Kept,
  FormSpec,
  RunSummary,
  SettingWarning,
} from '../../../worker/api.ts';
import { device } from '../../state/device.svelte.ts';
import { EvaluationState } from '../../evaluate/evaluation.svelte.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import { misfits } from '../../train/plan-words.ts';
import type { Studio } from '../../state/studio.svelte.ts';
import { isSameModel } from '../../ui/model-names.ts';
import { feedbackOf, type Feedback } from './feedback.svelte.ts';
import { mostJudged, type JudgedModel } from './judged.ts';
import { obstacleTo } from './obstacle.ts';
import { FEEDBACK_FILE, hasFeedback, withFeedback } from './rows.ts';
import { furtherOptions, FURTHER_DEFAULTS, type FurtherSettings } from './settings.ts';

/** How many test rows are asked, if there are as many: fewer say little about a small change. */
const ROWS = 50;

/** The current step. */
type Doing = 'opening' | 'training' | 'measuring';

export class FurtherTraining {
  kept = $state.raw<Kept>();
  settings = $state.raw<FurtherSettings>(FURTHER_DEFAULTS);
  /** Whether entries that were taught before are taught again. */
  again = $state(false);
  doing = $state<Doing>();
  /** Warnings that the person has to answer before the run starts. */
  warnings = $state.raw<readonly SettingWarning[]>([]);
  failure = $state.raw<Failure>();
  /** Both adapters against the base model, on the same rows. */
  readonly evaluation: EvaluationState;
  readonly #studio: Studio;
  readonly #feedback: Feedback;
  #project: string | undefined;
  #ready: FormSpec | undefined;

  constructor(studio: Studio, feedback: Feedback) {
    this.#studio = studio;
    this.#feedback = feedback;
    const { results } = studio;
    this.evaluation = new EvaluationState(
      studio.session,
      {
        get project() {
          return results.project;
        },
        keep: (project, { evaluation }) =>
          this.kept && evaluation && project === this.#project
            ? results.keep(project, { further: { ...this.kept, measured: evaluation } })
            : Promise.resolve(undefined),
      },
      'evaluation',
    );
  }

  /** Reads what the project keeps of its latest further run. */
  async follow(project: string | undefined): Promise<void> {
    if (project === this.#project) return;
    this.#project = project;
    this.kept = undefined;
    this.settings = FURTHER_DEFAULTS;
    this.#chosen = undefined;
    this.warnings = [];
    this.#ready = undefined;
    this.doing = undefined;
    this.failure = undefined;
    this.evaluation.forget();
    const { further } = await this.#studio.results.read();
    if (project !== this.#project || this.kept) return;
    this.kept = further;
    this.evaluation.show(further?.measured);
  }

  end(): void {
    this.evaluation.forget();
  }

  /** The adapter in use; undefined if there is none for the open model. */
  inUse: AdapterInfo | undefined = $derived.by(() =>
    this.#studio.adapters.list.find(({ id }) => id === this.#studio.inUse.key),
  );
  /** The adapter that a person chose to go on from, by its id. */
  #chosen = $state<string>();
  /** The adapter that a run starts from: the one in use, or the judged one if that was chosen. */
  from: AdapterInfo | undefined = $derived.by(() =>
    this.judged?.adapter && this.judged.adapter.id === this.#chosen ? this.judged.adapter : this.inUse,
  );

  /** Entries that a run would learn from: accepted, and not asked by a test row. */
  taken: readonly FeedbackEntry[] = $derived.by(() =>
    this.#feedback.entries.filter(
      (entry) =>
        entry.state === 'accepted' &&
        (!entry.taught || this.again) &&
        !this.#leaks(entry) &&
        rowsOfEntry(entry, this.#rows) > 0,
    ),
  );
  /** The model whose answers most of these entries judge. An adapter of another base model cannot be gone on from. */
  judged: JudgedModel | undefined = $derived.by(() => {
    const { adapters, session } = this.#studio;
    const base = session.model?.name;
    return mostJudged(
      this.taken,
      adapters.list.filter(({ baseModel }) => base !== undefined && isSameModel(baseModel, base)),
    );
  });
  /** Entries that were taught before. */
  taught = $derived.by(() => this.#feedback.entries.filter(({ taught }) => taught).length);
  /** Accepted, and asked by a test row. */
  leaks = $derived.by(
    () =>
      this.#feedback.entries.filter(
        (entry) => !entry.taught && entry.state === 'accepted' && this.#leaks(entry),
      ).length,
  );
  /** Accepted dislikes, from which supervised learning learns nothing. */
  mute = $derived.by(
    () =>
      this.#feedback.entries.filter(
        (entry) => !entry.taught && entry.state === 'accepted' && rowsOfEntry(entry, this.#rows) === 0,
      ).length,
  );

  /** Why no run can start; '' if one can. */
  obstacle = $derived.by(() => obstacleTo(this.#studio, this));

  /** The settings of a run on these entries; undefined if none can start. */
  options: FormSpec | undefined = $derived.by(() => {
    const { data, session, runs } = this.#studio;
    const { from, taken } = this;
    if (!from || !session.model || !data.summary) return undefined;
    const many = (as: 'answers' | 'judged'): number =>
      taken.reduce((sum, entry) => sum + rowsOfEntry(entry, as), 0);
    const good = many('answers');
    return furtherOptions(this.settings, {
      ...{ name: runs.freeName('feedback'), from, model: session.model, data: data.options, good },
      bad: this.#rows === 'judged' ? many('judged') - good : 0,
      rows: data.summary.rows,
      ...(data.source?.sample && { suggestion: data.source.sample.settings }),
    });
  });

  /** Its run, once there is one. */
  run: RunSummary | undefined = $derived.by(() => {
    const since = this.kept?.time ?? Infinity;
    return this.#studio.runs.list
      .filter(({ options, created, status }) => options.trial && created >= since && status !== 'cancelled')
      .reduce<RunSummary | undefined>(
        (first, run) => (first && first.created < run.created ? first : run),
        undefined,
      );
  });

  /** The adapter of its run, while it is in the library. */
  made: AdapterInfo | undefined = $derived.by(() =>
    this.#studio.adapters.list.find(({ runId }) => runId !== undefined && runId === this.run?.id),
  );

  /** Whether a person still has to decide about the run. */
  get open(): boolean {
    return this.run !== undefined && this.kept?.kept === undefined;
  }

  /** The two adapters on the same rows, once they are measured. */
  get sides(): Side[] {
    const { result } = this.evaluation;
    return result ? comparedOf(result).map(({ tuned }) => tuned) : [];
  }

  /** The comparison of the two adapters; undefined before the measurement. */
  change: Change | undefined = $derived.by(() => {
    const [before, after] = this.sides;
    return before && after ? judgeChange(before, after) : undefined;
  });

  /** Chooses the adapter that the run goes on from: the judged one, or the one in use. */
  goOnFrom({ id }: AdapterInfo): void {
    this.#chosen = id;
  }

  /** One press: the rows are opened, and the run starts unless there is something to ask. */
  async start(): Promise<void> {
    const { data, run } = this.#studio;
    if (this.doing || this.obstacle !== '' || !this.from) return;
    const project = this.#project;
    this.failure = undefined;
    this.doing = 'opening';
    const began = await this.#prepare();
    // Another project may be open by now.
    if (project !== this.#studio.results.project) return;
    if (began) {
      const outcome = await this.#studio.session.worker.warnAboutRun(began);
      const plan = await this.#studio.session.worker.planRun(began);
      if (project !== this.#studio.results.project) return;
      if (plan.ok && plan.memory.problems.length > 0) {
        this.failure = {
          code: 'app-further',
          what: `The run does not fit. ${misfits(plan.memory, device).join(' ')}`,
          remedy: 'Open the rows under Train: the form there says how to make it smaller.',
        };
      } else if (outcome.ok && outcome.warnings.length > 0) {
        this.#ready = began;
        this.warnings = outcome.warnings;
        return;
      } else {
        await this.#train(began);
        return;
      }
    } else if (!run.active) {
      this.failure ??= data.failure;
    }
    await this.#leave();
  }

  /** The person confirms the settings. */
  async startAnyway(): Promise<void> {
    const options = this.#ready;
    this.#ready = undefined;
    this.warnings = [];
    if (options) await this.#train(options);
  }

  /** The person wants to change the settings first. */
  async takeBack(): Promise<void> {
    this.#ready = undefined;
    this.warnings = [];
    await this.#leave();
  }

  /** Continues a further run after its training, here or after a reload: marks the entries as taught, and measures both adapters on the rows of the project. */
  async measure(rows = ROWS): Promise<void> {
    const { kept, made, run } = this;
    const { data, results } = this.#studio;
    const project = this.#project;
    this.doing = undefined;
    if (!kept || !made || !run || this.evaluation.progress) return;
    this.failure = undefined;
    this.doing = 'measuring';
    if (kept.adapter?.id !== made.id) {
      this.kept = { ...kept, adapter: { id: made.id, name: made.name } };
      await results.keep(this.#project, { further: this.kept });
      await this.#feedback.markTaught(kept.entries, { runId: run.id, name: made.name, time: Date.now() });
    }
    // Another project may have been opened meanwhile.
    if (project !== results.project) return;
    if (data.version === kept.rows || (await this.#open(kept.rows))) {
      const held = data.summary?.rows.test ?? 0;
      if (held === 0)
        this.failure = {
          code: 'app-further',
          what: 'No rows are held out for a test, so nothing says whether the new adapter is better.',
          remedy:
            'Ask both in Use and decide by their answers; or give the split a test part under Data, and measure.',
        };
      else await this.evaluation.measure([kept.from.id, made.id], { rows: Math.min(rows, held) });
      const { result } = this.evaluation;
      if (result && this.sides.length === 2 && this.kept && project === this.#project)
        this.kept = { ...this.kept, measured: result };
    }
    if (project === this.#project) this.doing = undefined;
  }

  /** Puts the new adapter in use from now on. */
  async use(): Promise<void> {
    const { made } = this;
    const { adapters, chat, session } = this.#studio;
    if (!made) return;
    await adapters.change(made.id, { trial: false });
    chat.sides = [chat.sides[0] === made.id ? 'base' : chat.sides[0], made.id];
    await this.#decide('new');
    session.announcer.say(`${made.name} is in use from now on.`);
  }

  /** Keeps the adapter in use. The new one stays in the library, on trial. */
  async keepOld(): Promise<void> {
    await this.#decide('old');
    this.#studio.session.announcer.say(`${this.kept?.from.name ?? 'The adapter'} stays in use.`);
  }

  /** Lets both answer the next question, side by side. */
  askBoth(): void {
    const { kept, made } = this;
    if (!kept || !made) return;
    this.#studio.chat.sides = [kept.from.id, made.id];
    document.getElementById('chat-prompt')?.focus();
  }

  async #decide(kept: 'new' | 'old'): Promise<void> {
    if (!this.kept) return;
    this.kept = { ...this.kept, kept };
    this.failure = await this.#studio.results.keep(this.#project, { further: this.kept });
  }

  get #rows(): 'answers' | 'judged' {
    return this.settings.learns === 'kto' ? 'judged' : 'answers';
  }

  #leaks({ id }: FeedbackEntry): boolean {
    return (
      this.#feedback.findings
        ?.get(id)
        ?.some((finding) => finding.kind === 'leak' && finding.part === 'test') ?? false
    );
  }

  /** Opens the rows of the run. @returns its settings; undefined if they could not be opened */
  async #prepare(): Promise<FormSpec | undefined> {
    const { data, results } = this.#studio;
    if (!(await this.#reopen())) return undefined;
    const { from, options, taken } = this;
    const { source, summary, kept } = data;
    if (!from || !options || !source || !summary || !kept) return undefined;
    const bytes = new TextEncoder().encode(this.#feedback.rows(taken, this.#rows));
    const reading = withFeedback(
      { source, options: data.options },
      { name: FEEDBACK_FILE, bytes },
      this.settings.replay,
      summary,
    );
    const begun: Kept = {
      time: Date.now(),
      from: { id: from.id, name: from.name },
      rows: kept.version,
      entries: taken.map(({ id }) => id),
    };
    if (!(await data.openReading(reading))) return undefined;
    this.evaluation.forget();
    this.kept = begun;
    await results.keep(this.#project, { further: begun });
    return options;
  }

  async #train(options: FormSpec): Promise<void> {
    const { run } = this.#studio;
    this.doing = 'training';
    await run.start(options);
    await this.#studio.refresh();
    if (run.status === 'done' || run.status === 'stopped') await this.measure();
    // A paused run is resumed under Train.
    else if (run.status === 'paused') this.doing = undefined;
    else {
      this.failure = run.failure;
      await this.#leave();
    }
  }

  /** Opens the rows of the project as they were, without feedback next to them. */
  async #reopen(): Promise<boolean> {
    const { data } = this.#studio;
    const version = this.kept?.rows;
    if (!hasFeedback(data) || version === undefined) return data.summary !== undefined;
    return this.#open(version);
  }

  async #open(version: string): Promise<boolean> {
    const opened = await this.#studio.rows.openKept(version);
    if (!opened) this.failure = this.#studio.data.failure;
    return opened;
  }

  /** Nothing was trained: opens the rows as before. */
  async #leave(): Promise<void> {
    await this.#reopen();
    this.doing = undefined;
  }
}

/** The further run of a studio: it continues while another stage is open. */
export const furtherOf = ofProject((studio) => new FurtherTraining(studio, feedbackOf(studio)));

/** The sweeps of the open project, and the one that trains in this tab. */
import type {
  Failure,
  FormSpec,
  Outcome,
  Progress,
  RunPhase,
  Sample,
  SweepAsk,
  SweepEvent,
  SweepInfo,
  SweptRun,
} from '../../../worker/api.ts';
import { Latest } from '../../state/latest.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import { MeasurementPace } from '../pace.ts';
import type { Studio } from '../../state/studio.svelte.ts';

/** What the run that trains does. */
interface Doing {
  readonly run: string;
  readonly step: number;
  readonly steps: number;
  readonly loss?: number;
  readonly phase?: RunPhase;
}

/** The fold of a cross-validation whose answers are measured. */
export interface MeasuringFold {
  /** From 0. */
  readonly fold: number;
  readonly progress: Progress;
  readonly secondsLeft: number | undefined;
}

type Rested = Outcome<{ readonly sweep: SweepInfo; readonly failure?: Failure }>;

class Sweeps {
  /** The sweeps of all projects, the newest first. */
  all = $state.raw<readonly SweepInfo[]>([]);
  /** The one that is on the screen. */
  id = $state<string>();
  /** The one that trains in this tab. */
  training = $state<string>();
  doing = $state.raw<Doing>();
  measuring = $state.raw<MeasuringFold>();
  /** The button was pressed, and the worker has not answered yet. */
  asked = $state<'pause' | 'cancel'>();
  failure = $state.raw<Failure>();
  /** A recipe was taken, whose settings are not on the screen yet. */
  #adopted = false;
  #foldsAsked = false;
  /** The project whose paused sweep was looked for last. */
  #restoredIn: string | undefined;
  #pace = new MeasurementPace();
  readonly #listed = new Latest(
    () => this.#studio.session.worker.listSweeps(),
    (outcome) => {
      if (!outcome.ok) this.failure = outcome;
      // What this tab trains is newer than what was stored when it was asked.
      else if (this.training === undefined) this.all = outcome.sweeps;
    },
  );
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  list: readonly SweepInfo[] = $derived.by(() =>
    this.all.filter(({ projectId }) => projectId === this.#studio.projects.id),
  );

  /** Whether one can continue: the rows that its losses are of are open. After a reload they are read first. */
  get canContinue(): boolean {
    const { run, data } = this.#studio;
    return !run.active && data.summary !== undefined && data.reading === '';
  }

  get shown(): SweepInfo | undefined {
    return this.all.find(({ id }) => id === this.id);
  }

  refresh(): Promise<void> {
    return this.#listed.ask();
  }

  /** Lists them. After a reload the one that was interrupted is shown, unless a run came after it. */
  async restore(): Promise<void> {
    const { projects, runs } = this.#studio;
    const { id } = projects;
    const isFirst = id !== this.#restoredIn;
    this.#restoredIn = id;
    await this.refresh();
    const last = this.list.at(0);
    if (!isFirst || id !== projects.id || this.training !== undefined || last?.status !== 'interrupted')
      return;
    if (last.created > (runs.list.at(0)?.created ?? 0)) this.id = last.id;
  }

  /** @returns once it rests */
  start(ask: SweepAsk, form: FormSpec, sample?: Sample): Promise<void> {
    const { session } = this.#studio;
    void session.keepStorage();
    return this.#follow(
      session.worker.startSweep(ask, form, (event) => this.#hear(event), sample),
      ask.folds !== undefined,
    );
  }

  /** Shows all folds of a cross-validation as one measurement under Evaluate. @returns whether that was possible */
  async showFolds({ id, name }: SweepInfo): Promise<boolean> {
    const { session, evaluation } = this.#studio;
    const outcome = await session.worker.readFolds(id);
    if (outcome.ok) evaluation.opened = { name, record: outcome.evaluation, isFolds: true };
    else this.failure = outcome;
    return outcome.ok;
  }

  async continue({ id, folds }: SweepInfo): Promise<void> {
    this.id = id;
    await this.#follow(
      this.#studio.session.worker.continueSweep(id, (event) => this.#hear(event)),
      folds !== undefined,
      id,
    );
  }

  async pause(): Promise<void> {
    this.asked = 'pause';
    await this.#studio.session.worker.pauseSweep();
  }

  async cancel({ id }: SweepInfo): Promise<void> {
    this.asked = 'cancel';
    const outcome = await this.#studio.session.worker.cancelSweep(id);
    this.asked = undefined;
    if (outcome.ok) this.#put(outcome.sweep);
    else this.failure = outcome;
    await this.#studio.refresh();
  }

  async remove({ id }: SweepInfo): Promise<void> {
    const outcome = await this.#studio.session.worker.deleteSweep(id);
    if (outcome.ok) {
      if (this.id === id) this.id = undefined;
      this.all = this.all.filter((sweep) => sweep.id !== id);
      this.#listed.changed();
    } else this.failure = outcome;
    await this.#studio.refresh();
  }

  /** Puts the adapter of a run into the library. */
  async keep({ id }: SweepInfo, run: SweptRun): Promise<void> {
    const { session, adapters } = this.#studio;
    const outcome = await session.worker.keepSwept(id, run.id);
    if (outcome.ok) {
      this.#put(outcome.sweep);
      session.announcer.say(`The adapter of ${run.id} is in the library.`);
    } else this.failure = outcome;
    await adapters.refresh();
  }

  /** Makes a recipe the settings of the next run. */
  adopt({ form }: SweepInfo, { settings, seed, steps, evalEvery }: SweptRun): void {
    const { settings: next, session } = this.#studio;
    const { options } = next;
    const own = Object.fromEntries(Object.entries(settings).filter(([name]) => name !== 'epochs'));
    const warmup = Math.min(form.warmup, steps);
    next.options = {
      ...form,
      ...{ warmup, seed, steps, evalEvery },
      ...(own as Partial<FormSpec>),
      ...{ name: options.name, samplePrompt: options.samplePrompt, maxLength: options.maxLength },
    };
    this.#adopted = true;
    session.announcer.say('The recipe is in the settings of the next run.');
  }

  /** Whether a recipe was taken since this was asked last. */
  takeAdopted(): boolean {
    const adopted = this.#adopted;
    this.#adopted = false;
    return adopted;
  }

  /** Opens the form of a cross-validation when Train is shown next. */
  askFolds(): void {
    this.#foldsAsked = true;
  }

  takeFoldsAsked(): boolean {
    const asked = this.#foldsAsked;
    this.#foldsAsked = false;
    return asked;
  }

  async #follow(answer: Promise<Rested>, isFolds: boolean, id?: string): Promise<void> {
    const studio = this.#studio;
    this.failure = undefined;
    this.training = id ?? '';
    studio.run.leaveDevice();
    const outcome = await studio.run.whileSweeping(answer, isFolds);
    this.training = this.doing = this.asked = this.measuring = undefined;
    if (outcome.ok) {
      this.#put(outcome.sweep);
      this.failure = outcome.failure;
      studio.session.announcer.say(outcome.sweep.result[0]);
      if (outcome.sweep.status === 'done')
        void studio.session.notifier.report(
          outcome.sweep.folds ? 'The cross-validation is done' : 'The sweep is done',
          outcome.sweep.result[0],
        );
    } else this.failure = outcome;
    await Promise.all([studio.refresh(), this.refresh()]);
  }

  #hear(event: SweepEvent): void {
    if (event.type === 'sweep') {
      const { sweep } = event;
      const isNew = this.training === '';
      this.training = sweep.id;
      this.#put(sweep);
      if (isNew) {
        this.id = sweep.id;
        this.#studio.projects.follow(sweep.projectId);
      }
      return;
    }
    if (event.type === 'measuring') {
      const { fold, progress } = event;
      if (this.measuring?.fold !== fold) this.#pace = new MeasurementPace();
      this.measuring = { fold, progress, secondsLeft: this.#pace.secondsLeft(progress, performance.now()) };
      return;
    }
    const { run, event: happened } = event;
    const before = this.doing?.run === run ? this.doing : undefined;
    const { step = 0, steps = 0 } = before ?? {};
    if (happened.type === 'step')
      this.doing = { run, step: happened.step, steps: happened.steps, loss: happened.loss };
    else if (happened.type === 'phase') this.doing = { ...before, run, step, steps, phase: happened.phase };
    else this.doing ??= { run, step, steps };
  }

  #put(sweep: SweepInfo): void {
    const isKnown = this.all.some(({ id }) => id === sweep.id);
    this.all = isKnown ? this.all.map((one) => (one.id === sweep.id ? sweep : one)) : [sweep, ...this.all];
    this.#listed.changed();
  }
}

export const sweepsOf = ofProject((studio) => new Sweeps(studio));

/** The log of real use of a project: what is asked in Use once a person switches it on, and the answers of opened log files. */
import type { Failure, UsedHere, UseLesson, UseLook, UseLogKept } from '../../worker/api.ts';
import type { Answer } from '../use/chat.svelte.ts';
import { plural } from '../../numbers.ts';
import { ofProject } from '../state/of-studio.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { feedbackOf, type Feedback } from '../use/feedback/feedback.svelte.ts';
import { entriesOf, judgedOf, lessonsLeft, logLine, unknownOf, usedOf } from './logged.ts';

/** The record is written whole with each answer. */
const MAX_ANSWERS = 5000;

export class UseLog {
  on = $state(false);
  answers = $state.raw<readonly UsedHere[]>([]);
  look = $state.raw<UseLook>();
  failure = $state.raw<Failure>();
  /** What opening a file added, in words. */
  added = $state('');
  /** Whether the project's log is read. */
  loaded = $state(false);
  #project: string | undefined;
  /** Counts the looks: only the last one is shown. */
  #looked = 0;
  readonly #hears = (answer: Answer): void => void this.#hear(answer);
  readonly #studio: Studio;
  readonly #feedback: Feedback;

  constructor(studio: Studio, feedback: Feedback) {
    this.#studio = studio;
    this.#feedback = feedback;
    studio.chat.answered = this.#hears;
  }

  /** The answers with the thumbs that they have in Use now. */
  judged: readonly UsedHere[] = $derived.by(() => judgedOf(this.answers, this.#feedback.entries));

  /** Lessons that are not in the queue of feedback yet. */
  lessons: readonly UseLesson[] = $derived.by(() =>
    lessonsLeft(this.look?.lessons.lessons ?? [], this.answers, this.#feedback.entries),
  );

  /** Reads the log of a project, and drops that of the previous one. */
  async follow(project: string | undefined): Promise<void> {
    if (this.loaded && project === this.#project) return;
    // What was switched on before there was a project belongs to the one that was made for it.
    const mine: UseLogKept = this.#project === undefined ? this : { on: false, answers: [] };
    this.#project = project;
    this.on = mine.on;
    this.answers = mine.answers;
    this.look = this.failure = undefined;
    this.added = '';
    this.loaded = project === undefined;
    if (project === undefined) return;
    const { log } = await this.#studio.results.read();
    if (project !== this.#project) return;
    this.loaded = true;
    this.on ||= log?.on ?? false;
    this.answers = [...unknownOf(log?.answers ?? [], this.answers), ...this.answers];
    if (mine.on || mine.answers.length > 0) await this.#keep();
  }

  end(): void {
    const { chat } = this.#studio;
    if (chat.answered === this.#hears) chat.answered = () => undefined;
  }

  /** What is kept stays when it is switched off. */
  turn(on: boolean): Promise<void> {
    this.on = on;
    this.#studio.session.announcer.say(on ? 'The log is on.' : 'The log is off.');
    return this.#keep();
  }

  /** Adds the answers of a log file that are not here yet. */
  async open(file: File): Promise<void> {
    this.failure = undefined;
    this.added = '';
    const project = this.#project;
    const outcome = await this.#studio.session.worker.readUseLog(file, file.name);
    if (project !== this.#project) return;
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    const fresh = unknownOf(outcome.answers, this.answers);
    if (this.#isFull(fresh.length)) return;
    this.answers = [...this.answers, ...fresh];
    const read = `${file.name} has ${plural(outcome.answers.length, 'answer')}, ${fresh.length} of them new here.`;
    this.added = outcome.left === '' ? read : `${read} ${outcome.left}`;
    this.#studio.session.announcer.say(this.added);
    await this.#keep();
  }

  async clear(): Promise<void> {
    this.answers = [];
    this.look = undefined;
    this.added = '';
    await this.#keep();
  }

  /** The log as `graft serve --log` would write it. */
  get text(): string {
    return this.judged.map(logLine).join('');
  }

  /** Looks through the log, next to the open rows. */
  async lookThrough(): Promise<void> {
    const looked = ++this.#looked;
    const { judged } = this;
    if (judged.length === 0) {
      this.look = undefined;
      return;
    }
    const outcome = await this.#studio.session.worker.lookAtUse(judged);
    if (looked !== this.#looked) return;
    if (outcome.ok) this.look = outcome.look;
    else this.failure = outcome;
  }

  /** One press: what went wrong, and what was liked, goes into the queue of feedback; its undo takes it back. */
  teach(): Promise<void> {
    return this.#feedback.add(entriesOf(this.lessons, this.answers, Date.now()));
  }

  async #hear(answer: Answer): Promise<void> {
    const used = this.on && usedOf(answer);
    if (!used || this.#isFull(1)) return;
    this.answers = [...this.answers, used];
    await this.#keep();
  }

  #isFull(more: number): boolean {
    if (this.answers.length + more <= MAX_ANSWERS) return false;
    this.failure = {
      code: 'app-use-log',
      what: `The log keeps ${MAX_ANSWERS} answers and has ${this.answers.length}: nothing was added.`,
      remedy: 'Save the log, and delete it.',
    };
    return true;
  }

  async #keep(): Promise<void> {
    const project = this.#project;
    const { on, answers } = this;
    const failure = await this.#studio.results.keep(project, { log: { on, answers } });
    if (failure && project === this.#project) this.failure = failure;
  }
}

/** The log of a studio. */
export const useLogOf = ofProject((studio) => new UseLog(studio, feedbackOf(studio)));

/** Questions about the documents of the open project: drafted, looked at one by one, and made into rows. */
import { untrack } from 'svelte';
import { filePattern } from '../../../retrieval/file-pattern.ts';
import { DEFAULT_TEMPLATE } from '../../../retrieval/passages-template.ts';
import { DEFAULT_QUESTION, DEFAULT_QUESTION_ANSWER } from '../../../retrieval/question-templates.ts';
import type {
  DocumentQuestion,
  Failure,
  Outcome,
  Progress,
  QuestionRowChoice,
  WrittenAnswer,
} from '../../../worker/api.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import type { Studio } from '../../state/studio.svelte.ts';
import { plural } from '../../../numbers.ts';
import { saveFile } from '../../ui/save.ts';
import { TimeLeftClock } from '../../ui/time-left.ts';
import { projectDocuments } from '../documents.svelte.ts';

/** The settings of the form, which it writes. */
type Row = {
  -readonly [Name in keyof Omit<QuestionRowChoice, 'method' | 'template'>]: QuestionRowChoice[Name];
};

const ROWS: Row = { top: 5, without: 0.2, withoutAnswer: 'refusal', distractors: 'ranking', seed: 1 };

/** What became of the last drafting. */
interface Drafted {
  readonly drafted: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly stopped: boolean;
}

class Questions {
  all = $state.raw<readonly DocumentQuestion[]>([]);
  failure = $state.raw<Failure>();
  /** Documents to draft questions of, as a pattern; empty for all. */
  pattern = $state('');
  perDocument = $state(2);
  temperature = $state(0.7);
  seed = $state(1);
  maxNewTokens = $state(96);
  question = $state(DEFAULT_QUESTION);
  answer = $state(DEFAULT_QUESTION_ANSWER);
  drafting = $state(false);
  busy = $state(false);
  progress = $state.raw<Progress>();
  /** Seconds, if that is known and long. */
  left = $state<number>();
  drafted = $state.raw<Drafted>();
  /** The draft that the person looks at. */
  at = $state<string>();
  rows = $state<Row>({ ...ROWS });
  /** What the last rows are. */
  made = $state<string>();
  #request: AbortController | undefined;
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
    $effect(() => {
      const { id } = studio.projects;
      untrack(() => void this.#enter(id));
    });
  }

  get drafts(): readonly DocumentQuestion[] {
    return this.all.filter(({ state }) => state === 'draft');
  }

  get approved(): readonly DocumentQuestion[] {
    return this.all.filter(({ state }) => state === 'approved');
  }

  get skipped(): readonly DocumentQuestion[] {
    return this.all.filter(({ state }) => state === 'skipped');
  }

  /** The draft that is looked at: the chosen one, or the first. */
  get current(): DocumentQuestion | undefined {
    const { drafts } = this;
    return drafts.find(({ id }) => id === this.at) ?? drafts.at(0);
  }

  /** Moves to the next draft, or the one before. */
  step(by: number): void {
    const { drafts, current } = this;
    const at = drafts.findIndex((one) => one === current) + by;
    this.at = drafts.at(Math.min(Math.max(at, 0), drafts.length - 1))?.id;
  }

  async draft(): Promise<void> {
    const { session } = this.#studio;
    const files = this.#files();
    if (this.drafting || !files || !(await session.ensureModel())) return;
    const left = new TimeLeftClock();
    this.drafting = true;
    const { signal } = (this.#request = new AbortController());
    await this.#drafts(files, (id, choice) =>
      session.worker.draftQuestions(
        id,
        { ...choice, temperature: this.temperature, seed: this.seed, maxNewTokens: this.maxNewTokens },
        (progress) => {
          if (!this.drafting) return;
          this.progress = progress;
          this.left = left.hear(progress);
        },
        (question) => {
          if (this.drafting) this.all = [...this.all, question];
        },
        signal,
      ),
    );
    this.drafting = false;
    this.progress = undefined;
    this.left = undefined;
  }

  stop(): void {
    this.#request?.abort();
  }

  end(): void {
    this.stop();
  }

  async fill(): Promise<void> {
    const files = this.#files();
    if (this.busy || !files) return;
    const { question, answer } = this;
    this.busy = true;
    await this.#drafts(files, (id, choice) =>
      this.#studio.session.worker.templateQuestions(id, { ...choice, question, answer }),
    );
    this.busy = false;
  }

  /** @param id of the draft; a new question if left out @returns whether it is approved */
  async approve(written: WrittenAnswer, id?: string): Promise<boolean> {
    const next = this.#after(id);
    const isApproved = await this.#call((project) =>
      this.#studio.session.worker.approveQuestion(project, written, id),
    );
    if (isApproved && id !== undefined) {
      this.at = next;
      this.#studio.session.announcer.say(`Approved. ${this.#rest()}`);
    }
    return isApproved;
  }

  async skip(id: string): Promise<void> {
    const next = this.#after(id);
    if (!(await this.#call((project) => this.#studio.session.worker.moveQuestions(project, [id], 'skipped'))))
      return;
    this.at = next;
    this.#studio.session.announcer.say(`Skipped. ${this.#rest()}`);
  }

  /** Puts questions back among the drafts. */
  async again(ids: readonly string[]): Promise<void> {
    await this.#call((project) => this.#studio.session.worker.moveQuestions(project, ids, 'draft'));
  }

  async drop(ids: readonly string[]): Promise<void> {
    await this.#call((project) => this.#studio.session.worker.dropQuestions(project, ids));
  }

  /** Saves the approved questions as a file that `graft passages` reads. */
  async save(): Promise<void> {
    const lines = await this.#lines();
    if (lines !== undefined) saveFile('questions.jsonl', new Blob([lines]));
  }

  /** Opens the approved questions as rows: each with its passage, which Evaluate looks for. */
  async openPlain(): Promise<void> {
    const lines = await this.#lines();
    if (lines !== undefined)
      await this.#open('questions.jsonl', lines, plural(this.approved.length, 'row') + '.');
  }

  /** Makes rows with passages of the approved questions, and opens them. */
  async openRows(): Promise<void> {
    const { projects, session } = this.#studio;
    const { id } = projects;
    if (id === undefined || this.busy) return;
    this.busy = true;
    this.failure = undefined;
    const { method } = projectDocuments(this.#studio);
    const template = this.template;
    const outcome = await session.worker.makeQuestionRows(id, { ...this.rows, method, template });
    this.busy = false;
    if (!outcome.ok) {
      this.failure = outcome;
      return;
    }
    const { counts, leftOut, lines } = outcome;
    const lost =
      leftOut.length > 0
        ? ` ${plural(leftOut.length, 'question is', 'questions are')} left out: one ${leftOut[0].why}.`
        : '';
    await this.#open(
      'passages.jsonl',
      lines,
      `${plural(counts.rows, 'row')}: ${counts.withPassage} with the right passage, ${counts.withoutPassage} without, ${counts.unanswerable} that the documents do not answer.${lost}`,
    );
  }

  /** The template of the prompt: that of the answers under Use. */
  get template(): string {
    const { template } = this.#studio.chat.documents;
    return typeof template === 'string' && template.trim() !== '' ? template : DEFAULT_TEMPLATE;
  }

  async #open(name: string, lines: string, words: string): Promise<void> {
    this.made = (await this.#studio.rows.openText(name, lines)) ? words : undefined;
    if (this.made === undefined) this.failure = this.#studio.data.failure;
    else this.#studio.session.announcer.say(`The rows are open under Data. ${words}`);
  }

  async #lines(): Promise<string | undefined> {
    const { id } = this.#studio.projects;
    if (id === undefined) return undefined;
    const outcome = await this.#studio.session.worker.questionLines(id);
    this.failure = outcome.ok ? undefined : outcome;
    return outcome.ok ? outcome.lines : undefined;
  }

  /** The draft that follows one, or comes before it if it is the last. */
  #after(id: string | undefined): string | undefined {
    const { drafts } = this;
    const at = drafts.findIndex((one) => one.id === id);
    return at < 0 ? this.at : (drafts.at(at + 1) ?? drafts[at - 1])?.id;
  }

  #rest(): string {
    const { length } = this.drafts;
    return length === 0 ? 'No draft is left.' : `${plural(length, 'draft is', 'drafts are')} left.`;
  }

  /** The documents of the pattern; undefined, with a failure, if there are none. */
  #files(): { readonly files?: readonly string[] } | undefined {
    this.failure = undefined;
    const pattern = this.pattern.trim();
    if (pattern === '') return {};
    const fits = filePattern(pattern);
    const files = projectDocuments(this.#studio)
      .kept?.documents.map(({ file }) => file)
      .filter(fits);
    if (files && files.length > 0) return { files };
    this.failure = {
      code: 'search-file',
      what: `No document fits ${pattern}.`,
      remedy: 'Write a name, a folder, or a pattern such as *.md.',
    };
    return undefined;
  }

  async #drafts(
    files: { readonly files?: readonly string[] },
    ask: (
      project: string,
      choice: { readonly files?: readonly string[]; readonly perDocument: number },
    ) => Promise<Outcome<Drafted & { readonly questions: readonly DocumentQuestion[] }>>,
  ): Promise<void> {
    const { id } = this.#studio.projects;
    if (id === undefined) return;
    this.drafted = undefined;
    const outcome = await ask(id, { ...files, perDocument: this.perDocument });
    if (id !== this.#studio.projects.id) return;
    if (!outcome.ok) {
      this.failure = outcome;
      await this.#enter(id);
      return;
    }
    this.all = outcome.questions;
    this.drafted = outcome;
    this.#studio.session.announcer.say(`${plural(outcome.drafted, 'question is', 'questions are')} drafted.`);
  }

  async #call(
    work: (project: string) => Promise<Outcome<{ readonly questions: readonly DocumentQuestion[] }>>,
  ): Promise<boolean> {
    const { id } = this.#studio.projects;
    if (id === undefined || this.busy) return false;
    this.busy = true;
    const outcome = await work(id);
    this.busy = false;
    if (id !== this.#studio.projects.id) return false;
    this.failure = outcome.ok ? undefined : outcome;
    if (outcome.ok) this.all = outcome.questions;
    return outcome.ok;
  }

  async #enter(id: string | undefined): Promise<void> {
    const failure = this.failure;
    this.all = [];
    this.made = undefined;
    if (id === undefined) return;
    const before = this.all;
    const outcome = await this.#studio.session.worker.listQuestions(id);
    // What was written meanwhile is newer.
    if (id !== this.#studio.projects.id || before !== this.all) return;
    if (outcome.ok) this.all = outcome.questions;
    this.failure = outcome.ok ? failure : outcome;
  }
}

export type { Questions };

/** The questions of the studio's project. */
export const projectQuestions = ofProject((studio) => new Questions(studio));

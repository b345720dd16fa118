/** A person's judgements of answers: a queue of the project, which is looked through before a run learns from it. */
import { feedbackFile, entryReference, type FeedbackRows } from '../../../data/feedback.ts';
import type {
  Message,
  Failure,
  FeedbackEntry,
  FeedbackFinding,
  Origin,
  PreferredPair,
} from '../../../worker/api.ts';
import type { Answer } from '../chat.svelte.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';
import type { SessionState } from '../../state/session.svelte.ts';

/** A step that can be undone: entries as they were, and those that were added. */
interface Step {
  readonly done: string;
  readonly before: readonly FeedbackEntry[];
  readonly added: readonly string[];
}

/** How many steps can be undone. */
const MAX_STEPS = 50;

/** An answer, with the conversation that it was given to. */
export interface GivenFeedback {
  readonly prompt: readonly Message[];
  readonly answer: Answer;
}

/** The state of an entry: one that was taught is finished. */
export type FeedbackStanding = FeedbackEntry['state'] | 'taught';
export const standingOf = ({ state, taught }: FeedbackEntry): FeedbackStanding => (taught ? 'taught' : state);

export class Feedback {
  entries = $state.raw<readonly FeedbackEntry[]>([]);
  /** The findings, by the ids of entries. */
  findings = $state.raw<ReadonlyMap<string, readonly FeedbackFinding[]>>();
  failure = $state.raw<Failure>();
  /** Whether the project's entries are loaded. */
  loaded = $state(false);
  #steps = $state.raw<readonly Step[]>([]);
  #project: string | undefined;
  /** Counts the checks: only the last one is shown. */
  #looked = 0;
  readonly #session: SessionState;

  constructor(session: SessionState) {
    this.#session = session;
  }

  /** The latest step, in words; undefined if nothing can be undone. */
  get undoable(): string | undefined {
    return this.#steps.at(-1)?.done;
  }

  /** Reads the queue of a project, and drops that of the previous one. */
  async follow(project: string | undefined): Promise<void> {
    if (project === this.#project) {
      // Without a project there is nothing to read.
      this.loaded ||= project === undefined;
      return;
    }
    // Judgements from before there was a project belong to the one that was made for them.
    const mine = this.#project === undefined ? this.entries : [];
    this.#project = project;
    this.entries = mine;
    this.#steps = [];
    this.failure = undefined;
    this.loaded = project === undefined;
    if (project === undefined) return;
    const outcome = await this.#session.worker.listFeedback(project);
    if (project !== this.#project) return;
    this.loaded = true;
    // An answer may have been judged while they were read.
    if (outcome.ok) this.entries = merged(outcome.entries, this.entries);
    else this.failure = outcome;
    if (mine.length > 0) await this.#keep(mine);
  }

  /** The entry of an answer, if it was judged. */
  of({ answer, prompt }: GivenFeedback): FeedbackEntry | undefined {
    const question = prompt.at(-1)?.content;
    return this.entries.find(
      (entry) =>
        entry.answer === answer.text &&
        entry.prompt.at(-1)?.content === question &&
        sameOrigin(entry.origin, answer.origin),
    );
  }

  /** Judges an answer as good or bad; the same judgement again takes it back. */
  async judge(given: GivenFeedback, verdict: FeedbackEntry['verdict']): Promise<void> {
    const known = this.of(given);
    if (known?.taught) return;
    if (known?.verdict === verdict && known.correction === undefined) {
      await this.remove(known);
      return;
    }
    const { correction: _, ...plain } = known ?? entryOf(given, verdict);
    // A liked answer needs no other; one that is disliked may have one.
    const entry = verdict === 'good' || !known ? plain : known;
    await this.#write(
      [{ ...entry, verdict, state: 'waiting' }],
      verdict === 'good' ? 'Marked as a good answer.' : 'Marked as a bad answer.',
    );
  }

  /** Keeps what an answer should have been. */
  async correct(given: GivenFeedback, text: string): Promise<void> {
    const known = this.of(given);
    if (known?.taught) return;
    const entry = known ?? entryOf(given, 'bad');
    await this.#write(
      [{ ...entry, verdict: 'bad', correction: text, state: 'waiting' }],
      'Your answer is in the queue.',
    );
  }

  /** Puts entries of a log in the queue, as one step. */
  add(entries: readonly FeedbackEntry[]): Promise<void> {
    return this.#write(entries, `Put ${entries.length} in the queue.`);
  }

  accept(entries: readonly FeedbackEntry[]): Promise<void> {
    return this.#write(
      entries.map((entry) => ({ ...entry, state: 'accepted' as const })),
      entries.length === 1 ? 'Accepted.' : `Accepted ${entries.length}.`,
    );
  }

  reject(entry: FeedbackEntry): Promise<void> {
    return this.#write([{ ...entry, state: 'rejected' }], 'Rejected.');
  }

  /** Replaces the reference answer. The model's answer stays. */
  edit(entry: FeedbackEntry, text: string): Promise<void> {
    const { correction: _, ...plain } = entry;
    return this.#write(
      [
        text === entry.answer
          ? { ...plain, verdict: 'good' }
          : { ...entry, verdict: 'bad', correction: text },
      ],
      'Changed.',
    );
  }

  async remove(entry: FeedbackEntry): Promise<void> {
    this.#remember({ done: 'Taken out.', before: [entry], added: [] });
    this.entries = this.entries.filter(({ id }) => id !== entry.id);
    this.#session.announcer.say('Taken out.');
    await this.#drop([entry.id]);
  }

  /** Undoes the latest step. */
  async undo(): Promise<void> {
    const step = this.#steps.at(-1);
    if (!step) return;
    this.#steps = this.#steps.slice(0, -1);
    const others = this.entries.filter(({ id }) => !step.added.includes(id));
    this.entries = merged(others, step.before);
    this.#session.announcer.say('Undone.');
    if (step.added.length > 0) await this.#drop(step.added);
    await this.#keep(step.before);
  }

  /** Marks entries that a run has learned from, which cannot be undone. */
  async markTaught(ids: readonly string[], taught: NonNullable<FeedbackEntry['taught']>): Promise<void> {
    const entries = this.entries.filter(({ id }) => ids.includes(id)).map((entry) => ({ ...entry, taught }));
    this.entries = merged(this.entries, entries);
    this.#steps = [];
    await this.#keep(entries);
  }

  /** Looks through the entries, next to the open rows. */
  async look(): Promise<void> {
    const looked = ++this.#looked;
    const outcome = await this.#session.worker.lookAtFeedback(
      this.entries.filter(({ state, taught }) => state !== 'rejected' && !taught),
    );
    if (looked !== this.#looked) return;
    this.findings = outcome.ok ? outcome.findings : undefined;
  }

  /** Corrected answers as pairs, with the model's answer as the rejected one. */
  get pairs(): readonly PreferredPair[] {
    return this.entries.flatMap(
      ({ prompt, answer, correction, state, origin, model, time }): PreferredPair[] =>
        correction === undefined || state === 'rejected'
          ? []
          : [
              {
                ...{ prompt, chosen: correction, rejected: answer, by: 'edit', time },
                names: ['You', model ?? origin?.adapter?.name ?? 'The base model'],
              },
            ],
    );
  }

  /** Entries as a file of rows. */
  rows(entries: readonly FeedbackEntry[], as: FeedbackRows): string {
    return feedbackFile(entries, as, this.#session.model?.chatTemplate);
  }

  async #write(entries: readonly FeedbackEntry[], done: string): Promise<void> {
    const ids = entries.map(({ id }) => id);
    const before = this.entries.filter(({ id }) => ids.includes(id));
    this.#remember({ done, before, added: ids.filter((id) => before.every((one) => one.id !== id)) });
    this.entries = merged(this.entries, entries);
    this.#session.announcer.say(done);
    await this.#keep(entries);
  }

  #remember(step: Step): void {
    this.#steps = [...this.#steps, step].slice(-MAX_STEPS);
  }

  async #keep(entries: readonly FeedbackEntry[]): Promise<void> {
    const project = this.#project;
    if (project === undefined || entries.length === 0) return;
    const outcome = await this.#session.worker.keepFeedback(project, entries);
    if (!outcome.ok && project === this.#project) this.failure = outcome;
  }

  async #drop(ids: readonly string[]): Promise<void> {
    const project = this.#project;
    if (project === undefined) return;
    const outcome = await this.#session.worker.dropFeedback(project, ids);
    if (!outcome.ok && project === this.#project) this.failure = outcome;
  }
}

function entryOf({ prompt, answer }: GivenFeedback, verdict: FeedbackEntry['verdict']): FeedbackEntry {
  const { origin, prompt: asked } = answer;
  return {
    id: crypto.randomUUID(),
    time: Date.now(),
    prompt,
    ...(asked?.plain !== undefined && { plain: asked.plain }),
    answer: answer.text,
    ...(origin && { origin }),
    verdict,
    state: 'waiting',
  };
}

/** Whether two answers are one: asked of the same model at the same time. */
function sameOrigin(one: Origin | undefined, other: Origin | undefined): boolean {
  return one?.time === other?.time && JSON.stringify(one?.adapter) === JSON.stringify(other?.adapter);
}

/** Entries with those of the same id replaced, in the order in which they came. */
function merged(entries: readonly FeedbackEntry[], others: readonly FeedbackEntry[]): FeedbackEntry[] {
  const kept = entries.filter(({ id }) => others.every((other) => other.id !== id));
  return [...kept, ...others].sort((a, b) => a.time - b.time);
}

/** Whether an entry teaches anything to supervised learning. */
export const teaches = (entry: FeedbackEntry): boolean => entryReference(entry) !== undefined;

/** The feedback of a studio. */
export const feedbackOf = ofProject(({ session }) => new Feedback(session));

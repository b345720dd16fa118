/** A person's judgements of answers: a queue of the project. */
import type { FeedbackFinding, Judged } from '../../data/feedback.ts';
import type { Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export type { FeedbackFinding, FeedbackRows } from '../../data/feedback.ts';

export interface FeedbackEntry extends Judged {
  /** When it was made, in milliseconds since 1970. */
  readonly time: number;
  /** The model and adapter that wrote the answer, and when. */
  readonly origin?: Origin;
  /** A run learns only from entries that a person has looked at again. */
  readonly state: 'waiting' | 'accepted' | 'rejected';
  /** The run that learned from it, and when. */
  readonly taught?: { readonly runId: string; readonly name: string; readonly time: number };
}

/** The queue of a project. */
export interface FeedbackApi {
  /** In the order in which they were made. */
  listFeedback(projectId: string): Promise<Outcome<{ readonly entries: readonly FeedbackEntry[] }>>;
  /** Writes entries, and replaces those of the same id. Fails with `project-missing` where there is no such project. */
  keepFeedback(projectId: string, entries: readonly FeedbackEntry[]): Promise<Outcome<object>>;
  dropFeedback(projectId: string, ids: readonly string[]): Promise<Outcome<object>>;
  /** Findings in entries, by their ids: among themselves, and beside the open rows. */
  lookAtFeedback(
    entries: readonly Judged[],
  ): Promise<Outcome<{ readonly findings: ReadonlyMap<string, readonly FeedbackFinding[]> }>>;
}

/** What a person said of answers: a queue of the project. */
import type { FeedbackFinding, Judged } from '../../data/feedback.ts';
import type { Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export type { FeedbackFinding, FeedbackRows } from '../../data/feedback.ts';

export interface FeedbackEntry extends Judged {
  /** When it was said, in milliseconds since 1970. */
  readonly time: number;
  /** What wrote the answer, and when. */
  readonly origin?: Origin;
  /** Nothing is learnt from before a person has looked at it again. */
  readonly state: 'waiting' | 'accepted' | 'rejected';
  /** The run that learnt from it, and when. */
  readonly taught?: { readonly runId: string; readonly name: string; readonly time: number };
}

/** The queue of a project. */
export interface FeedbackApi {
  /** In the order in which it was said. */
  listFeedback(projectId: string): Promise<Outcome<{ readonly entries: readonly FeedbackEntry[] }>>;
  /** Writes entries, in place of those with their ids. Fails with `project-missing` where there is no such project. */
  keepFeedback(projectId: string, entries: readonly FeedbackEntry[]): Promise<Outcome<object>>;
  dropFeedback(projectId: string, ids: readonly string[]): Promise<Outcome<object>>;
  /** What to look at in entries, by their ids: among themselves, and beside the rows that are open. */
  lookAtFeedback(
    entries: readonly Judged[],
  ): Promise<Outcome<{ readonly findings: ReadonlyMap<string, readonly FeedbackFinding[]> }>>;
}

/** A person's judgements of answers: a queue of the project; and logs of use, which fill it. */
import type { FeedbackFinding, JudgedAnswer } from '../../data/feedback.ts';
import type { LengthBin } from '../../evaluate/use-lengths.ts';
import type { LoggedAnswer, UseLessons } from '../../evaluate/use-lessons.ts';
import type { UseReport } from '../../evaluate/use-log.ts';
import type { Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export type { FeedbackFinding, FeedbackRows } from '../../data/feedback.ts';
export type { LoggedAnswer, UseLesson, UseLessons } from '../../evaluate/use-lessons.ts';
export type { LengthBin } from '../../evaluate/use-lengths.ts';
export type { UseReport } from '../../evaluate/use-log.ts';

export interface FeedbackEntry extends JudgedAnswer {
  /** When it was made, in milliseconds since 1970. */
  readonly time: number;
  /** The model and adapter that wrote the answer, and when. */
  readonly origin?: Origin;
  /** The name of the model, if the answer is of a log that another program wrote. */
  readonly model?: string;
  /** A run learns only from entries that a person has looked at again. */
  readonly state: 'waiting' | 'accepted' | 'rejected';
  /** The run that learned from it, and when. */
  readonly taught?: { readonly runId: string; readonly name: string; readonly time: number };
}

/** What a log of use says, next to the open rows. */
export interface UseLook {
  readonly report: UseReport;
  /** The report in sentences. */
  readonly sentences: readonly string[];
  readonly lengths: { readonly questions: readonly LengthBin[]; readonly answers: readonly LengthBin[] };
  /** Training rows that were compared with; 0 without open rows. */
  readonly trained: number;
  readonly lessons: UseLessons;
}

/** The queue of a project. */
export interface FeedbackApi {
  /** In the order in which they were made. */
  listFeedback(projectId: string): Promise<Outcome<{ readonly entries: readonly FeedbackEntry[] }>>;
  /** Writes entries, and replaces those of the same id. Fails with `project-missing` if there is no such project. */
  keepFeedback(projectId: string, entries: readonly FeedbackEntry[]): Promise<Outcome<object>>;
  dropFeedback(projectId: string, ids: readonly string[]): Promise<Outcome<object>>;
  /** Findings in entries, by their ids: among themselves, and next to the open rows. */
  lookAtFeedback(
    entries: readonly JudgedAnswer[],
  ): Promise<Outcome<{ readonly findings: ReadonlyMap<string, readonly FeedbackFinding[]> }>>;
  /** Reads a log that `graft serve --log`, a chat page or Use wrote. `left` says which damaged lines are left out, or is ''. Fails with `use-log` for another file. */
  readUseLog(
    file: Blob,
    name: string,
  ): Promise<Outcome<{ readonly answers: readonly LoggedAnswer[]; readonly left: string }>>;
  /** @param answers at least one */
  lookAtUse(answers: readonly LoggedAnswer[]): Promise<Outcome<{ readonly look: UseLook }>>;
}

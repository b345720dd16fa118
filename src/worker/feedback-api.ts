/** The worker's API for a person's judgements of answers. */
import { lookAtFeedback, type AskingRow } from '../data/feedback.ts';
import { questionsOf } from '../data/questions.ts';
import type { RowSet } from '../data/row-set.ts';
import { deleteFeedback, listFeedback, putFeedback } from '../storage/feedback.ts';
import type { FeedbackApi, FeedbackEntry } from './api.ts';
import { outcome } from './outcome.ts';
import { missingProject } from './projects.ts';
import type { Session } from './session.ts';

export function feedbackApi(session: Session): FeedbackApi {
  return {
    listFeedback: (projectId) =>
      outcome(async () => ({
        entries: (await listFeedback(projectId)).map(({ entry }) => entry as FeedbackEntry),
      })),
    keepFeedback: (projectId, entries) =>
      outcome(async () => {
        const stored = entries.map((entry) => ({ projectId, id: entry.id, time: entry.time, entry }));
        if (!(await putFeedback(projectId, stored))) throw missingProject();
        return {};
      }),
    dropFeedback: (projectId, ids) =>
      outcome(async () => {
        await deleteFeedback(projectId, ids);
        return {};
      }),
    lookAtFeedback: (entries) =>
      outcome(async () => ({
        findings: lookAtFeedback(entries, session.data ? askingRows(session.data) : []),
      })),
  };
}

function askingRows({ places }: RowSet): AskingRow[] {
  return places.flatMap(({ example, part, line }) =>
    (example ? questionsOf([example], true) : []).map(({ prompt, expected }) => ({
      ...{ prompt, expected, part, line },
    })),
  );
}

/** The worker's API for a person's judgements of answers. */
import { lookAtFeedback, type AskingRow } from '../../data/feedback.ts';
import { GraftError } from '../../errors.ts';
import type { LoggedAnswer } from '../../evaluate/use-lessons.ts';
import type { UsedAnswer } from '../../evaluate/use-log.ts';
import { questionsOf } from '../../data/questions.ts';
import type { RowSet } from '../../data/row-set.ts';
import { deleteFeedback, listFeedback, putFeedback } from '../../storage/feedback.ts';
import type { FeedbackApi, FeedbackEntry } from '../api.ts';
import { outcome } from '../outcome.ts';
import { missingProject } from '../projects/projects.ts';
import type { Session } from '../session.ts';

/** Answers the page's calls about judgements; `session` has the open model that they belong to. */
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
    readUseLog: (file, name) =>
      outcome(async () => {
        if (file.size > MAX_LOG_BYTES)
          throw new GraftError(
            'use-log',
            `${name} has ${file.size} bytes; at most ${MAX_LOG_BYTES} are read.`,
            'Split it, or give it to graft log.',
          );
        const { readUseLog } = await import('../../evaluate/use-log.ts');
        let left = '';
        const used = readUseLog(new Uint8Array(await file.arrayBuffer()), name, (sentence) => {
          left = sentence;
        });
        return { answers: await Promise.all(used.map(withId)), left };
      }),
    lookAtUse: (answers) =>
      outcome(async () => {
        const [{ reportUse, useSentences }, { useLessonsOf }, { lengthBins }] = await Promise.all([
          import('../../evaluate/use-log.ts'),
          import('../../evaluate/use-lessons.ts'),
          import('../../evaluate/use-lengths.ts'),
        ]);
        const rows = session.data ? askingRows(session.data) : [];
        const trained = rows.filter(({ part }) => part === 'train');
        const report = reportUse(answers, trained);
        const before = (of: 'prompt' | 'expected'): string[] | undefined =>
          trained.length > 0 ? trained.map((row) => row[of]) : undefined;
        return {
          look: {
            report,
            sentences: useSentences(report),
            lengths: {
              questions: lengthBins(
                answers.map(({ prompt }) => prompt),
                before('prompt'),
              ),
              answers: lengthBins(
                answers.map(({ answer }) => answer),
                before('expected'),
              ),
            },
            trained: trained.length,
            lessons: useLessonsOf(answers, rows),
          },
        };
      }),
  };
}

const MAX_LOG_BYTES = 64 * 2 ** 20;
/** Bytes of a hash that tell answers apart. */
const ID_BYTES = 16;

/** The id is of what the line says, so that a file that is opened twice adds nothing. */
async function withId(used: UsedAnswer): Promise<LoggedAnswer> {
  const { thumb: _, ...said } = used;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(said)));
  const id = [...new Uint8Array(hash, 0, ID_BYTES)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return { ...used, id };
}

function askingRows({ places }: RowSet): AskingRow[] {
  return places.flatMap(({ example, part, line }) =>
    (example ? questionsOf([example], true) : []).map(({ prompt, expected }) => ({
      ...{ prompt, expected, part, line },
    })),
  );
}

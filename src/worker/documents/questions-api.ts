/** The worker's API for questions about documents. Its code is loaded with the first call. */
import { GraftError } from '../../errors.ts';
import type { AskModel } from '../../retrieval/draft-questions.ts';
import { changeResult, readResult } from '../../storage/results.ts';
import type { DocumentQuestion, QuestionsApi } from '../api.ts';
import { chat } from '../chat/chat.ts';
import { listener, outcome } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';
import { unstopped } from '../stopping.ts';
import type { Documents } from './documents-api.ts';
import type { QuestionLibrary } from './questions.ts';

interface Rooms {
  readonly questions: () => Promise<QuestionLibrary>;
  readonly session: Session;
  readonly runs: Runs;
}

/** The stored value. */
interface Kept {
  readonly questions: readonly DocumentQuestion[];
}

/** The questions about documents, once for the worker. */
export function questionLibrary(documents: Pick<Documents, 'library'>): () => Promise<QuestionLibrary> {
  let loaded: Promise<QuestionLibrary> | undefined;
  const load = async (): Promise<QuestionLibrary> => {
    const [{ QuestionLibrary: Library }, library] = await Promise.all([
      import('./questions.ts'),
      documents.library(),
    ]);
    const of = (value: object | undefined): readonly DocumentQuestion[] =>
      (value as Kept | undefined)?.questions ?? [];
    return new Library(
      {
        read: async (projectId) => of((await readResult(projectId, 'questions'))?.value),
        change: async (projectId, change) => {
          const value = await changeResult(projectId, 'questions', (before) => ({
            questions: change(of(before)),
          }));
          return value && of(value);
        },
      },
      library,
    );
  };
  return () => (loaded ??= load());
}

/** The calls of the page for questions about documents. Each catches what it throws and returns it as a failure. */
export function questionsApi({ questions, session, runs }: Rooms): QuestionsApi {
  const listed = async (projectId: string): Promise<Kept> => ({
    questions: await (await questions()).list(projectId),
  });

  return {
    listQuestions: (projectId) => outcome(() => listed(projectId)),
    draftQuestions: (
      projectId,
      { files, perDocument, ...sampling },
      onProgress,
      onDraft,
      signal = unstopped(),
    ) =>
      outcome(async () => {
        const by = session.opened?.info.name;
        if (by === undefined)
          throw new GraftError('worker-no-model', 'No model is open.', 'Choose a model first.');
        let asked = 0;
        const ask: AskModel = async (conversations) => {
          const texts: string[] = [];
          for (const messages of conversations) {
            const { maxNewTokens, temperature, seed } = sampling;
            const { text } = await runs.withDevice(() =>
              chat(session, {
                adapter: 'base',
                messages,
                settings: {
                  ...{ maxNewTokens, temperature, seed: seed + asked++ },
                  ...{ topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
                },
                onText: () => undefined,
                signal,
              }),
            );
            texts.push(text);
          }
          return texts;
        };
        const done = await (
          await questions()
        ).draft(
          projectId,
          { perDocument, ...(files && { files }) },
          { by, ask },
          { onProgress: listener(onProgress), onDraft: listener(onDraft), signal },
        );
        return { ...done, ...(await listed(projectId)) };
      }),
    templateQuestions: (projectId, choice) =>
      outcome(async () => ({
        ...(await (await questions()).fromTemplates(projectId, choice)),
        ...(await listed(projectId)),
      })),
    approveQuestion: (projectId, written, id) =>
      outcome(async () => {
        const approved = await (await questions()).approve(projectId, written, id);
        return { approved, ...(await listed(projectId)) };
      }),
    moveQuestions: (projectId, ids, state) =>
      outcome(async () => {
        await (await questions()).move(projectId, ids, state);
        return listed(projectId);
      }),
    dropQuestions: (projectId, ids) =>
      outcome(async () => {
        await (await questions()).drop(projectId, ids);
        return listed(projectId);
      }),
    questionLines: (projectId) =>
      outcome(async () => ({ lines: await (await questions()).lines(projectId) })),
    makeQuestionRows: (projectId, choice) =>
      outcome(async () => {
        const library = await questions();
        const make = (): ReturnType<QuestionLibrary['rows']> => library.rows(projectId, choice);
        return choice.method === 'bm25' ? make() : runs.withDevice(make);
      }),
  };
}

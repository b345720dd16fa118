/** The questions about a project's documents: drafted by the open model or by templates, approved by a person, and made into rows. */
import { GraftError } from '../../errors.ts';
import { AnswerTemplate } from '../../retrieval/answer-template.ts';
import { isRefusal } from '../../retrieval/cited.ts';
import { draftQuestions, passagesToAsk, type AskModel, type Draft } from '../../retrieval/draft-questions.ts';
import { countRows, makeRows, rowLines, type LeftOut, type RowCounts } from '../../retrieval/made-rows.ts';
import { PassagesTemplate, type PassageSource } from '../../retrieval/passages-prompt.ts';
import { questionLine } from '../../retrieval/question-lines.ts';
import { placeOfQuote } from '../../retrieval/quote-place.ts';
import { Relevance } from '../../retrieval/relevance.ts';
import { headingAt, QuestionTemplates } from '../../retrieval/template-questions.ts';
import type { DocumentQuestion, DraftChoice, OnProgress, QuestionRowChoice, WrittenAnswer } from '../api.ts';
import { missingProject } from '../projects/projects.ts';
import type { DocumentLibrary } from './library.ts';

/** The stored questions of projects. */
export interface QuestionStore {
  read(projectId: string): Promise<readonly DocumentQuestion[]>;
  /** Changes them in one step. @returns undefined if there is no such project */
  change(
    projectId: string,
    change: (questions: readonly DocumentQuestion[]) => readonly DocumentQuestion[],
  ): Promise<readonly DocumentQuestion[] | undefined>;
}

type Library = Pick<DocumentLibrary, 'sources' | 'text' | 'search'>;

interface Drafting {
  readonly onProgress: OnProgress;
  readonly onDraft: (question: DocumentQuestion) => void;
  readonly signal: AbortSignal;
}

interface Drafted {
  readonly drafted: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly stopped: boolean;
}

const BY_HAND = 'by hand';
const BY_TEMPLATE = 'a template';
/** Why a draft is not kept. */
const AGAIN = 'the document has the question already';

export class QuestionLibrary {
  constructor(
    private readonly store: QuestionStore,
    private readonly library: Library,
  ) {}

  list(projectId: string): Promise<readonly DocumentQuestion[]> {
    return this.store.read(projectId);
  }

  /**
   * Drafts questions one by one. Each is kept before the next is asked for.
   *
   * @param by the model
   * @throws GraftError `draft-questions`, `project-missing`, and what `ask` throws unless the signal is aborted
   */
  async draft(
    projectId: string,
    { files, perDocument }: DraftChoice,
    { by, ask }: { readonly by: string; readonly ask: AskModel },
    { onProgress, onDraft, signal }: Drafting,
  ): Promise<Drafted> {
    const passages = passagesToAsk(await this.#passages(projectId, files), perDocument);
    const failed = new Map<string, number>();
    const fail = (why: string): void => void failed.set(why, (failed.get(why) ?? 0) + 1);
    let drafted = 0;
    try {
      for (const [done, passage] of passages.entries()) {
        signal.throwIfAborted();
        onProgress({ what: 'answering', done, total: passages.length });
        const [draft] = await draftQuestions([passage], ask);
        if ('problem' in draft) fail(draft.problem);
        else {
          const question = await this.#keepDraft(projectId, draft, passage, by);
          if (question) {
            drafted++;
            onDraft(question);
          } else fail(AGAIN);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return { drafted, failed: Object.fromEntries(failed), stopped: true };
    }
    return { drafted, failed: Object.fromEntries(failed), stopped: false };
  }

  /** @throws GraftError `question-template`, `draft-questions`, `project-missing` */
  async fromTemplates(
    projectId: string,
    {
      files,
      perDocument,
      question,
      answer,
    }: DraftChoice & { readonly question: string; readonly answer: string },
  ): Promise<Drafted> {
    const templates = new QuestionTemplates(question, answer);
    const passages = passagesToAsk(await this.#passages(projectId, files), perDocument);
    const texts = new Map<string, Awaited<ReturnType<Library['text']>>>();
    let [drafted, without, again] = [0, 0, 0];
    for (const passage of passages) {
      const text = texts.get(passage.file) ?? (await this.library.text(projectId, passage.file));
      texts.set(passage.file, text);
      const draft = templates.draft(passage, headingAt(text.text, text.headings ?? [], passage.start));
      if (!draft) without++;
      else if (await this.#keepDraft(projectId, draft, passage, BY_TEMPLATE)) drafted++;
      else again++;
    }
    return {
      drafted,
      failed: {
        ...(without > 0 && { 'the passage has no whole sentence': without }),
        ...(again > 0 && { [AGAIN]: again }),
      },
      stopped: false,
    };
  }

  /**
   * Approves a question as the person leaves it.
   *
   * @param id of a question that is there; a new one if left out
   * @throws GraftError `question-empty`, `question-quote`, `document-missing`, `project-missing`
   */
  async approve(projectId: string, written: WrittenAnswer, id?: string): Promise<DocumentQuestion> {
    const checked = await this.#checked(projectId, written);
    const before = (await this.store.read(projectId)).find((one) => one.id === id);
    const isSame =
      before &&
      before.question === checked.question &&
      before.answer === checked.answer &&
      before.quote?.text === checked.quote?.text;
    const by = !before
      ? BY_HAND
      : isSame || before.by === BY_HAND || before.by.endsWith(EDITED)
        ? before.by
        : `${before.by}${EDITED}`;
    const approved: DocumentQuestion = {
      id: before?.id ?? crypto.randomUUID(),
      ...{ ...checked, by },
      state: 'approved',
    };
    await this.#change(projectId, (questions) =>
      questions.some((one) => one.id === approved.id)
        ? questions.map((one) => (one.id === approved.id ? approved : one))
        : [...questions, approved],
    );
    return approved;
  }

  /** @throws GraftError `project-missing` */
  async move(projectId: string, ids: readonly string[], state: 'draft' | 'skipped'): Promise<void> {
    await this.#change(projectId, (questions) =>
      questions.map((one) => (ids.includes(one.id) ? { ...one, state } : one)),
    );
  }

  /** @throws GraftError `project-missing` */
  async drop(projectId: string, ids: readonly string[]): Promise<void> {
    await this.#change(projectId, (questions) => questions.filter(({ id }) => !ids.includes(id)));
  }

  /** The approved questions as JSONL. */
  async lines(projectId: string): Promise<string> {
    return (await this.#approved(projectId))
      .map(({ state, ...question }) => questionLine({ ...question, approved: state === 'approved' }))
      .join('');
  }

  /**
   * Rows of the approved questions with passages. To be called in a turn on the device unless the method is `bm25`.
   *
   * @throws GraftError `passage-rows`, `passages-template`, and as `DocumentLibrary.search`
   */
  async rows(
    projectId: string,
    { method, top, template, ...plan }: QuestionRowChoice,
  ): Promise<{ lines: string; counts: RowCounts; leftOut: readonly LeftOut[] }> {
    const questions = (await this.#approved(projectId)).map(({ id, question, answer, quote, file }) => ({
      ...{ id, text: question, answer },
      passages: quote && file !== undefined ? [{ doc: file, ...quote }] : [],
    }));
    const chunks = await this.library.sources(projectId);
    const places = new Map(chunks.map(({ id }, at) => [id, at]));
    const rank = async (texts: readonly string[], max: number): Promise<number[][]> => {
      const rankings: number[][] = [];
      for (const text of texts) {
        const { hits } = await this.library.search(projectId, text, { method, top: max });
        rankings.push(hits.map(({ id }) => places.get(id)!));
      }
      return rankings;
    };
    const { rows, leftOut } = await makeRows(
      questions,
      { chunks, rank },
      {
        ...{ ...plan, count: top, draw: 'seed' },
        prompt: new PassagesTemplate(template),
        answer: new AnswerTemplate(),
      },
    );
    if (rows.length === 0)
      throw new GraftError(
        'passage-rows',
        leftOut.length === 0
          ? 'No question is approved, so there are no rows.'
          : `No question becomes a row: “${questions[0].text}” ${leftOut[0].why}.`,
        'Approve questions of documents that are here.',
      );
    return { lines: rowLines(rows, chunks), counts: countRows(rows), leftOut };
  }

  async #approved(projectId: string): Promise<DocumentQuestion[]> {
    return (await this.store.read(projectId)).filter(({ state }) => state === 'approved');
  }

  async #passages(projectId: string, files: readonly string[] | undefined): Promise<PassageSource[]> {
    const among = files && new Set(files);
    return (await this.library.sources(projectId)).filter(({ file }) => among?.has(file) ?? true);
  }

  /** @returns undefined if the document has this question already */
  async #keepDraft(
    projectId: string,
    { question, answer, quote: { start, end, text } }: Draft,
    { file, id: passage }: PassageSource,
    by: string,
  ): Promise<DocumentQuestion | undefined> {
    const draft: DocumentQuestion = {
      id: crypto.randomUUID(),
      ...{ question, answer, quote: { start, end, text }, file, passage, by, state: 'draft' },
    };
    let isNew = true;
    await this.#change(projectId, (questions) => {
      isNew = !questions.some((one) => one.file === file && one.question === question);
      return isNew ? [...questions, draft] : questions;
    });
    return isNew ? draft : undefined;
  }

  async #checked(
    projectId: string,
    { question, answer, quote, file }: WrittenAnswer,
  ): Promise<Pick<DocumentQuestion, 'question' | 'answer' | 'quote' | 'file' | 'passage'>> {
    if (question.trim() === '')
      throw new GraftError('question-empty', 'The question is empty.', 'Write a question.');
    if (file === undefined) return { question: question.trim(), answer: '' };
    if (answer.trim() === '' || isRefusal(answer))
      throw new GraftError(
        'question-empty',
        'The answer is empty.',
        'Write an answer, or say that no document answers the question.',
      );
    const { text } = await this.library.text(projectId, file);
    const place = placeOfQuote(text, quote);
    if (!place)
      throw new GraftError(
        'question-quote',
        quote.trim() === '' ? 'The quote is empty.' : `The quote is not in ${file}.`,
        'Copy the words that answer the question from the document.',
      );
    const chunks = (await this.library.sources(projectId)).filter((one) => one.file === file);
    const [chunk] = new Relevance(chunks).relevantTo({ doc: file, ...place }) ?? [];
    return {
      ...{ question: question.trim(), answer: answer.trim(), file, quote: place },
      ...(chunk !== undefined && { passage: chunks[chunk].id }),
    };
  }

  async #change(
    projectId: string,
    change: (questions: readonly DocumentQuestion[]) => readonly DocumentQuestion[],
  ): Promise<void> {
    if (!(await this.store.change(projectId, change))) throw missingProject();
  }
}

const EDITED = ', edited';

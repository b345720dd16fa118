/** Questions about the documents of a project: drafted, looked at by a person one by one, and made into rows. */
import type { LeftOut, RowCounts } from '../../retrieval/made-rows.ts';
import type { DISTRACTORS, WITHOUT_ANSWERS } from '../../retrieval/passage-rows.ts';
import type { QuotePlace } from '../../retrieval/quote-place.ts';
import type { SearchMethod } from '../../retrieval/ranking.ts';
import type { OnProgress, Outcome } from './outcome.ts';

export interface DocumentQuestion {
  readonly id: string;
  readonly question: string;
  /** Empty if the documents do not answer it. */
  readonly answer: string;
  /** Missing if the documents do not answer it, and for a draft whose quote is not in its passage. */
  readonly quote?: QuotePlace;
  /** What a model gave for a quote, if it is not in the passage. */
  readonly quoted?: string;
  /** Missing if the documents do not answer it. */
  readonly file?: string;
  /** The id of the chunk that it was made of. */
  readonly passage?: string;
  /** Who wrote it: a model by its name, a template, or the person. */
  readonly by: string;
  readonly state: 'draft' | 'approved' | 'skipped';
}

/** A question as a person leaves it. */
export interface WrittenAnswer {
  readonly question: string;
  readonly answer: string;
  readonly quote: string;
  /** Missing for a question that the documents do not answer. */
  readonly file?: string;
}

export interface DraftChoice {
  /** All documents if left out. */
  readonly files?: readonly string[];
  readonly perDocument: number;
}

export interface SamplingChoice {
  readonly temperature: number;
  readonly seed: number;
  readonly maxNewTokens: number;
}

export interface QuestionRowChoice {
  readonly method: SearchMethod;
  /** Passages of each row. */
  readonly top: number;
  /** The share of the answerable questions whose row lacks the right passages, from 0 to 1. */
  readonly without: number;
  readonly withoutAnswer: (typeof WITHOUT_ANSWERS)[number];
  readonly distractors: (typeof DISTRACTORS)[number];
  readonly seed: number;
  /** The Jinja template of the prompt. */
  readonly template: string;
}

type Questions = { readonly questions: readonly DocumentQuestion[] };

/** What became of drafting: passages that gave no draft are counted by the reason. */
interface Drafted {
  readonly drafted: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly stopped: boolean;
}

/** All fail with `project-missing` if there is no such project. */
export interface QuestionsApi {
  listQuestions(projectId: string): Promise<Outcome<Questions>>;
  /** Drafts questions by the open model. Each is kept as soon as it is there, and given to `onDraft`. */
  draftQuestions(
    projectId: string,
    choice: DraftChoice & SamplingChoice,
    onProgress?: OnProgress,
    onDraft?: (question: DocumentQuestion) => void,
    signal?: AbortSignal,
  ): Promise<Outcome<Questions & Drafted>>;
  /** Makes questions of two Jinja templates. Fails with `question-template`. */
  templateQuestions(
    projectId: string,
    choice: DraftChoice & { readonly question: string; readonly answer: string },
  ): Promise<Outcome<Questions & Drafted>>;
  /**
   * Approves a question, as it is or as the person has written it; without an id a new one. Fails with `question-quote` if the quote is not in the
   * document, `question-empty`, `document-missing`.
   */
  approveQuestion(
    projectId: string,
    written: WrittenAnswer,
    id?: string,
  ): Promise<Outcome<Questions & { readonly approved: DocumentQuestion }>>;
  /** Puts questions in another state: skipped, or back among the drafts. */
  moveQuestions(
    projectId: string,
    ids: readonly string[],
    state: 'draft' | 'skipped',
  ): Promise<Outcome<Questions>>;
  /** Removes questions. */
  dropQuestions(projectId: string, ids: readonly string[]): Promise<Outcome<Questions>>;
  /** The approved questions as JSONL: what `graft passages` reads, and rows without passages. */
  questionLines(projectId: string): Promise<Outcome<{ readonly lines: string }>>;
  /** Rows of the approved questions with passages, as JSONL. Fails with `passage-rows` if there is none, and as `searchDocuments`. */
  makeQuestionRows(
    projectId: string,
    choice: QuestionRowChoice,
  ): Promise<
    Outcome<{ readonly lines: string; readonly counts: RowCounts; readonly leftOut: readonly LeftOut[] }>
  >;
}

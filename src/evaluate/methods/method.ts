/**
 * Methods of answering, from a rule without a model to an adapter. Each has a file of its own here and a line in registry.ts.
 * A method does not run a model itself: it asks an {@link Examinee}, so that the page and the command bring their own, and the page can
 * name methods without loading what runs them.
 */
import type { Example } from '../../data/example.ts';
import type { Question } from '../../data/questions.ts';
import type { LossReport } from '../comparison.ts';

/** An example with its question. */
export interface Pair {
  readonly example: Example;
  readonly question: Question;
}

/** A question that is asked. Its example is missing where the rows of a run are kept but their file is not. */
export interface AskedQuestion {
  readonly question: Question;
  readonly example?: Example;
}

/** A model that answers: the base, or the base with an adapter. */
export interface Examinee {
  readonly name: string;
  /** Whether it has a chat template. */
  readonly chat: boolean;
  readonly maxPositions: number;
  /** Tokens that an answer may take. */
  readonly newTokens: number;
  tokensOf(question: Question): number;
  /** Greedy answers; only those to the first questions if it is stopped. */
  ask(questions: readonly Question[]): Promise<string[]>;
  /** Over the measured rows; undefined if it is not wanted, or was stopped. */
  loss(): Promise<LossReport | undefined>;
  /** The same with every example changed; undefined as well where a row was cut, or does not fit: its loss would be of other tokens. */
  lossWith(change: (example: Example) => Example): Promise<LossReport | undefined>;
}

export interface Exam {
  /** Examples of training that have a question. */
  readonly train: readonly Pair[];
  /** The rows that were drawn. */
  readonly asked: readonly AskedQuestion[];
  /** The model that a method of kind `model` asks. */
  readonly model: Examinee;
  /** Examples before each question, if the method uses some, and the seed that chooses them. */
  readonly shots: number;
  readonly seed: number;
  /** Work on every item that may take long; it can be stopped in between. */
  readonly each: <Item>(items: readonly Item[], work: (item: Item) => void) => Promise<void>;
}

/** Notes for the person on how the answers were made. */
export interface Detail {
  /** The one answer of a rule, and its share of training. */
  readonly answer?: string;
  readonly share?: number;
  readonly shots?: readonly { readonly prompt: string; readonly answer: string }[];
  /** Tokens of the longest question with its examples. */
  readonly promptTokens?: number;
}

export interface Answered {
  /** The answers, in the order of the questions. */
  readonly answers: readonly string[];
  readonly loss?: LossReport;
  readonly detail?: Detail;
}

export interface Method {
  /** As `--methods` and files of results name it. */
  readonly name: string;
  readonly title: string;
  /** One line for the help of the command. */
  readonly help: string;
  /** An entry of the glossary. */
  readonly term: string;
  /** A rule needs no model; the others ask the base model, or an adapter. */
  readonly kind: 'rule' | 'base' | 'adapter';
  /** Its name in a sentence. */
  readonly noun: string;
  /** Its cost, or what it does, in short. */
  readonly what: (detail: Detail) => string;
  /** The words before “gets 3 of 20 rows right”. */
  readonly doing: (detail: Detail) => string;
  /** Undefined where the method is impossible: without training rows, or without a repeated answer. */
  readonly answer: (exam: Exam) => Promise<Answered | undefined>;
}

/**
 * Methods of answering, from a rule without a model to an adapter. Each has a file of its own here and a line in registry.ts.
 * A method does not run a model itself: it asks an {@link EvalModel}, so that the page and the command bring their own, and the page can
 * name methods without loading what runs them.
 */
import type { Example } from '../../data/example.ts';
import type { Question } from '../../data/questions.ts';
import type { List } from '../../lists.ts';
import type { Fitted, PassageSource } from '../../retrieval/passages-prompt.ts';
import type { PairLikelihoods } from '../pair-order.ts';
import type { Evidence, LossReport } from '../record.ts';

/** An example of training with its question, as prompts with examples show it. */
export interface Demonstration {
  readonly example: Example;
  readonly question: Question;
}

/** A question that is asked. Its example is missing if the rows of a run are kept but their file is not. */
export interface AskedQuestion {
  readonly question: Question;
  readonly example?: Example;
}

/**
 * A model under evaluation: the base, or the base with an adapter. A signal ends the work early, without an error: answers so far are returned, and
 * what is incomplete is undefined.
 */
export interface EvalModel {
  readonly name: string;
  /** Whether it has a chat template. */
  readonly chat: boolean;
  readonly maxPositions: number;
  /** Tokens that an answer may take. */
  readonly newTokens: number;
  tokensOf(question: Question): number;
  /** Greedy answers; only those to the first questions if it is stopped. */
  answer(questions: readonly Question[], signal: AbortSignal): Promise<Evidence[]>;
  /** Over the measured rows; undefined if it is not wanted, or was stopped. */
  loss(signal: AbortSignal): Promise<LossReport | undefined>;
  /** The same with every example changed; undefined as well if a row was cut, or does not fit: its loss would be of other tokens. */
  lossWith(
    change: (example: Example) => Example | Promise<Example>,
    signal: AbortSignal,
  ): Promise<LossReport | undefined>;
  /** The log-probabilities of both answers of each pair; undefined if the rows are no pairs, or it was stopped. */
  likelihoods(signal: AbortSignal): Promise<readonly PairLikelihoods[] | undefined>;
}

/** Finds passages of documents, and writes them into prompts. */
export interface PassagePort {
  /** The name of the index, how it is searched, and passages of a question at most. */
  readonly about: {
    readonly index: string;
    readonly search: string;
    readonly top: number;
    /** How many of the best passages the model ranked again. */
    readonly reranked?: number;
    /** The model that did, if it is another one than the measured. */
    readonly rerankedBy?: string;
  };
  /** The best passages for each question, best first. */
  find(questions: readonly string[], signal: AbortSignal): Promise<readonly (readonly PassageSource[])[]>;
  /** The prompt with as many of them as fit: `fitPassages` with a template. */
  fit(
    question: string,
    found: readonly PassageSource[],
    window: { readonly room: number; readonly tokensOf: (text: string) => number },
  ): Fitted;
  /** The share of the passages that a row names which these hold; undefined if it names none. */
  recall(example: Example | undefined, sources: readonly PassageSource[]): number | undefined;
}

/** How the examples before a question are chosen: the same for all by the seed, or those that are nearest to it, by words or by an encoder's vectors. */
export type ExampleChoice = 'random' | 'nearest' | 'similar';

/** Makes vectors of texts. */
export interface EncoderPort {
  readonly name: string;
  /** @returns [texts, size], row by row @throws what the encoder throws, and the signal's reason */
  embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array>;
}

export interface EvalRequest {
  /** Examples of training that have a question. */
  readonly train: List<Demonstration>;
  /** The rows that were drawn. */
  readonly asked: readonly AskedQuestion[];
  /** The model that a method asks, if it asks one. */
  readonly model: EvalModel;
  /** Examples before each question, if the method uses some, and the seed that chooses them. */
  readonly shots: number;
  readonly seed: number;
  /** How examples are chosen; each method has its usual way if it is missing. */
  readonly examples?: ExampleChoice | undefined;
  /** Makes the vectors of `similar` examples, if there is an encoder. */
  readonly encoder?: EncoderPort | undefined;
  /** What the base model hears before each question; '' or missing if nothing is known of the task. */
  readonly instruction?: string | undefined;
  /** Passages of an index, if there is one. */
  readonly passages?: PassagePort | undefined;
  /** Work on every item that may take long; it can be stopped in between. */
  readonly each: <Item>(items: readonly Item[], work: (item: Item) => void) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Notes for the person on how the answers were made. */
export interface Detail {
  /** The one answer of a rule, and its share of training. */
  readonly answer?: string;
  readonly share?: number;
  readonly shots?: readonly { readonly prompt: string; readonly answer: string }[];
  /** As many training rows before each question, those nearest to it. */
  readonly nearest?: number;
  /** The encoder that found them by meaning; missing if they are nearest by words. */
  readonly encoder?: string;
  /** How many of the wanted examples fit before every question, if that is fewer. */
  readonly fitted?: number;
  /** The instruction before each question. */
  readonly instruction?: string;
  /** Tokens of the longest question with all that stands before it, and of all questions on average. */
  readonly promptTokens?: number;
  readonly meanPromptTokens?: number;
  /** Tokens that the model can hold. */
  readonly window?: number;
  /** The search of passages, the tokens that the model holds, and the seconds of searching for all questions. */
  readonly passages?: PassagePort['about'] & { readonly window: number; readonly searchSeconds: number };
}

export interface Answered {
  /** The answers, in the order of the questions. */
  readonly answers: readonly Evidence[];
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
  /** Undefined if the method is impossible: without training rows, or without a repeated answer. */
  readonly answer: (exam: EvalRequest) => Promise<Answered | undefined>;
  /** The loss of its model on the reference answers, asked in its way; missing for a rule. */
  readonly loss?: (exam: EvalRequest) => Promise<LossReport | undefined>;
}

/** Conversations with a model. */
import type { Message } from '../../data/feedback.ts';
import type { Turns } from '../../data/turns.ts';
import type { FinishReason } from '../../model/sequence.ts';
import type { CharacterPart } from '../../text/token-text.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import type { AdapterChoice } from './adapters.ts';
import type { Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export type { Message } from '../../data/feedback.ts';

export interface ChatSettings {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export interface ChatToken {
  /** Its text in the answer: '' inside a character of several tokens, which its first token has. */
  readonly text: string;
  /** The character that it is a part of, if that takes several tokens. */
  readonly part?: CharacterPart;
  /** The most likely tokens there, with their probabilities at temperature 1. */
  readonly candidates: readonly {
    readonly text: string;
    readonly probability: number;
    /** Whether it was taken; missing for the others, and in conversations of earlier versions. */
    readonly taken?: true;
  }[];
}

/** The prompt as the model saw it. */
export interface RenderedPrompt {
  /** Rendered with the chat template, special tokens by their names. */
  readonly text: string;
  /** How many tokens it has. */
  readonly tokens: number;
  /** Without its start token, if the model has no chat template: the text that it continues. */
  readonly plain?: string;
}

/** Passages of documents for a question, best first, and the Jinja template of the prompt that they are written into. */
export interface AskedPassages {
  readonly template: string;
  readonly found: readonly PassageSource[];
}

/** The passages of an answer's prompt. */
export interface AnswerPassages {
  /** Those that fit, in the order of their numbers. */
  readonly sources: readonly PassageSource[];
  /** Those that do not fit. */
  readonly leftOut: readonly Pick<PassageSource, 'file' | 'page' | 'start' | 'end'>[];
  /** Code units that the only passage lost at its end, if not even one fits whole; else 0. */
  readonly cut: number;
  /** Tokens that the passages have in the prompt. */
  readonly tokens: number;
  /** What the model was asked in place of the question. */
  readonly text: string;
}

/** The form of the rows that an adapter was trained on, or that are open. */
export interface TaughtTurns {
  readonly kind: Turns;
  /** Which rows these are: an adapter's, or the open ones. */
  readonly of: 'adapter' | 'data';
}

/** Questions to the model. */
export interface ChatApi {
  /**
   * Answers a conversation; text streams through `onText`. One answer at a time; a paused run may be asked. Stopped, it gives the text until then.
   *
   * @param passages stand before the last question, as many as fit
   */
  chat(
    adapter: AdapterChoice,
    messages: readonly Message[],
    settings: ChatSettings,
    onText: (text: string) => void,
    passages?: AskedPassages,
    signal?: AbortSignal,
  ): Promise<
    Outcome<{
      readonly text: string;
      readonly tokens: readonly ChatToken[];
      readonly seconds: number;
      readonly origin: Origin;
      readonly prompt: RenderedPrompt;
      /** Missing without passages. */
      readonly passages?: AnswerPassages;
      /** Why it ended. */
      readonly finish: FinishReason;
    }>
  >;
  /** The prompts of the open model for each of these conversations. Does not use the GPU. */
  previewPrompts(
    conversations: readonly (readonly Message[])[],
  ): Promise<Outcome<{ readonly prompts: readonly RenderedPrompt[] }>>;
  /**
   * Whether questions to these adapters should be asked alone or in a conversation.
   *
   * @returns no `turns` if neither the rows of an adapter nor open ones are known
   */
  taughtTurns(choices: readonly AdapterChoice[]): Promise<Outcome<{ readonly turns?: TaughtTurns }>>;
}

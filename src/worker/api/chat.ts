/** Conversations with a model. */
import type { Turns } from '../../data/turns.ts';
import type { CharacterPart } from '../../text/token-text.ts';
import type { AdapterChoice } from './adapters.ts';
import type { Outcome } from './outcome.ts';
import type { Origin } from './results.ts';

export interface ChatSettings {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatToken {
  /** What it adds to the answer: '' inside a character of several tokens, which its first token has. */
  readonly text: string;
  /** The character that it is a part of, where that takes several tokens. */
  readonly part?: CharacterPart;
  /** The most likely tokens there, with their probabilities at temperature 1. */
  readonly candidates: readonly {
    readonly text: string;
    readonly probability: number;
    /** It is the token that was taken; missing of the others, and in what was kept before this was recorded. */
    readonly taken?: true;
  }[];
}

/** What the model was given, as it saw it. */
export interface AskedPrompt {
  /** Rendered with the chat template, special tokens by their names. */
  readonly text: string;
  /** How many tokens it has. */
  readonly tokens: number;
  /** Without its start token, where the model has no chat template: the text that it continues. */
  readonly plain?: string;
}

/** What the rows are that an adapter was trained on, or that are open. */
export interface TaughtTurns {
  readonly kind: Turns;
  /** Whose rows these are: those of an adapter that is asked, or those that are open. */
  readonly of: 'adapter' | 'data';
}

/** Asking the model. */
export interface ChatApi {
  /** Answers a conversation; text streams through `onText`. One answer at a time; a paused run may be asked. */
  chat(
    adapter: AdapterChoice,
    messages: readonly ChatMessage[],
    settings: ChatSettings,
    onText: (text: string) => void,
  ): Promise<
    Outcome<{
      readonly text: string;
      readonly tokens: readonly ChatToken[];
      readonly seconds: number;
      readonly origin: Origin;
      readonly prompt: AskedPrompt;
    }>
  >;
  /** What the open model would be given for each of these conversations. Asks nothing of the GPU. */
  previewPrompts(
    conversations: readonly (readonly ChatMessage[])[],
  ): Promise<Outcome<{ readonly prompts: readonly AskedPrompt[] }>>;
  /**
   * Whether questions to these adapters should be asked alone or in a conversation.
   *
   * @returns no `turns` where neither the rows of an adapter nor open ones are known
   */
  taughtTurns(choices: readonly AdapterChoice[]): Promise<Outcome<{ readonly turns?: TaughtTurns }>>;
  stopChat(): Promise<void>;
}

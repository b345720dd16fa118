/** Conversations with a model. */
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
  readonly text: string;
  /** The most likely tokens there, with their probabilities at temperature 1. */
  readonly candidates: readonly { readonly text: string; readonly probability: number }[];
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
    }>
  >;
  stopChat(): Promise<void>;
}

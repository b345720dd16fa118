/** Messages between the page and its worker. */
import type { ChatPageSettings, PageFile } from '../export/chat-page/settings.ts';
import type { Sampling } from '../model/sampling.ts';
import type { FinishReason } from '../model/sequence.ts';
import type { ChatMessage } from '../text/chat-template.ts';

/** `auto`: a GPU for a model in several files, if there is one; otherwise the processor. */
export type ChatPageDevice = 'auto' | 'gpu' | 'processor';

/** A file whose bytes are there. */
export interface LoadedFile extends Pick<PageFile, 'folder' | 'name'> {
  readonly blob: Blob;
}

export type KernelModules = Readonly<Record<'relaxed' | 'simd', Uint8Array<ArrayBuffer>>>;

export interface OpenRequest {
  readonly kind: 'open';
  readonly settings: ChatPageSettings;
  readonly files: readonly LoadedFile[];
  readonly kernels: KernelModules;
  readonly device: ChatPageDevice;
}

export interface AskRequest {
  readonly kind: 'ask';
  readonly system: string;
  /** The last one is the question. */
  readonly turns: readonly ChatMessage[];
  readonly sampling: Sampling;
  readonly maxNewTokens: number;
  readonly seed: number;
}

export type ToWorker = OpenRequest | AskRequest | { readonly kind: 'stop' };

export interface Ready {
  readonly kind: 'ready';
  /** What computes, in words. */
  readonly device: string;
  readonly takesSystem: boolean;
  /** Tokens of a conversation with its answer at most. */
  readonly context: number;
}

export interface PageAnswered {
  readonly kind: 'answered';
  readonly text: string;
  readonly tokens: number;
  readonly seconds: number;
  readonly reason: FinishReason;
  /** Earlier questions that had no room, with their answers. */
  readonly dropped: number;
}

export interface Failed {
  readonly kind: 'failed';
  readonly what: string;
  readonly remedy: string;
}

export type FromWorker =
  | { readonly kind: 'progress'; readonly what: string; readonly done: number; readonly total: number }
  | { readonly kind: 'text'; readonly text: string }
  | Ready
  | PageAnswered
  | Failed;

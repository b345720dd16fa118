/** What is kept, as it lies in the database. A change here is a migration in database.ts. */
import type { PreparedRow } from '../data/prepare.ts';

/** Files by name. */
export type StoredFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** An adapter of the library, without its tensors. */
export interface StoredAdapter {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly parameters: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly runId?: string;
  readonly finalLoss?: number;
}

export interface StoredStep {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly lr: number;
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
  readonly gpuBytes: number;
}

export type StoredStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

/** A run: its settings and its curve, up to its checkpoint if it has one. */
export interface StoredRun {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly status: StoredStatus;
  /** The worker's own, kept as they were given. */
  readonly settings: object;
  readonly baseModel: string;
  /** Names the content and the precision of the model that the run needs to go on. */
  readonly modelFingerprint: string;
  /** Whether that model came with the app. */
  readonly bundled: boolean;
  readonly dataName: string;
  /** The command that repeats it headless. */
  readonly command: string;
  readonly steps: readonly StoredStep[];
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
}

/** A held-out example as it is asked. */
export interface StoredQuestion {
  /** As a person reads it. */
  readonly prompt: string;
  readonly expected: string;
  /** As the model is asked: a conversation, or a text that it continues. */
  readonly ask:
    readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[] | string;
}

/** The rows of a run. They never change, so they are written once. */
export interface StoredRows {
  readonly train: readonly PreparedRow[];
  readonly validation: readonly PreparedRow[];
  readonly test: readonly PreparedRow[];
  readonly questions: readonly StoredQuestion[];
}

export interface StoredCheckpoint {
  /** Another one with every write: tells a tab whether the checkpoint is still the one that it wrote. */
  readonly revision: string;
  readonly step: number;
  /** The trainer's state. */
  readonly files: StoredFiles;
}

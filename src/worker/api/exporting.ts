/** An adapter in the formats of other programs, each a folder. */
import type { ChatSettings } from './chat.ts';
import type { ModelRef } from './models.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** A format of the registry. */
export interface FormatInfo {
  readonly name: string;
  readonly label: string;
  /** What it is and for whom, as part of a sentence. */
  readonly help: string;
  /** What is lost on the way, in sentences. */
  readonly loses: string;
  /** How Graft's tests hold it against the program that reads it, in sentences. */
  readonly proof: string;
  /** Whether it has a place for a system prompt, and for the settings of answers. */
  readonly takesSystem: boolean;
  readonly takesChat: boolean;
  /** The number formats of its weights, if there is a choice. */
  readonly types?: readonly string[];
  /** The one of them that is usual. */
  readonly type?: string;
}

/** How the chat of a project answers. */
export interface ExportedChat {
  readonly settings: ChatSettings;
  /** Empty for none. */
  readonly system: string;
  /** Whether each question is asked without the turns before it. */
  readonly single: boolean;
}

/** A format, and one of its types. */
export interface FormatChoice {
  /** A name of `exportFormats`. */
  readonly format: string;
  /** The usual one if left out. */
  readonly type?: string;
  /** For formats that answer: a program starts with the same. */
  readonly chat?: ExportedChat;
}

/** The files that an export would write. */
export interface ExportPlan {
  /** The name of the folder. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** What the files hold, in words. */
  readonly summary: string;
  /** Bytes that this page may still store: a zip is put together there. */
  readonly free: number;
}

/** The base is not the open model: which one to open, if this browser has it. */
export interface OtherBase {
  readonly baseModel: string;
  readonly model?: ModelRef;
}

export interface ExportingApi {
  exportFormats(): Promise<Outcome<{ readonly formats: readonly FormatInfo[] }>>;
  /**
   * Reads the adapter and the headers of the base's files, but no weights.
   */
  planExport(
    id: string,
    choice: FormatChoice,
  ): Promise<Outcome<{ readonly plan: ExportPlan } | { readonly otherBase: OtherBase }>>;
  /**
   * Writes the folder, tensor by tensor: the page's memory holds one of them at a time. The tensors are those of `graft export`, bit for bit.
   * Stopped, it fails with `worker-aborted` and leaves nothing.
   *
   * @param target a folder of the person's disk, in which a new folder is made; without one the folder becomes a zip
   * @returns the name of the folder or of the zip, and the zip
   */
  exportFolder(
    id: string,
    choice: FormatChoice,
    target: FileSystemDirectoryHandle | undefined,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly name: string; readonly zip?: Blob }>>;
}

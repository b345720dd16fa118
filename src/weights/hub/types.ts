/** Types of a download. */

/** One file on a server. */
export interface RemoteFile {
  /** In the model's folder. */
  readonly name: string;
  readonly url: string;
  /** Bytes, if the server declares them. */
  readonly size?: number;
  /** SHA-256 of the content, in hex. */
  readonly sha256?: string;
  /** Git's name of the content: SHA-1 over `blob SIZE\0` and the bytes, in hex. */
  readonly gitSha1?: string;
}

/** An offer of a model. */
export interface Offer {
  /** Its name here: the repository's id, so that an adapter's configuration names a model that PEFT can load. */
  readonly name: string;
  /** The address of exactly this content: it leads to the same offer again. */
  readonly source: string;
  readonly licence?: string;
  /** Whether its licence has to be accepted on the hub before files can be fetched. */
  readonly gated: boolean;
  /** Whether it is an adapter, which needs a base. */
  readonly adapter?: true;
  /** Small files first: most faults of a model are found before its weights are fetched. */
  readonly files: readonly RemoteFile[];
  /** All of it, if every size is declared. */
  readonly bytes?: number;
}

/** The destination of the bytes. They survive an interruption; `read` is for checking them. */
export interface DownloadSink {
  /** Bytes of a file that are there. */
  size(file: string): number;
  read(file: string, start: number, end: number): Promise<Uint8Array>;
  append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  truncate(file: string, bytes: number): Promise<void>;
  /** The version (ETag) of the stored part of a file, for servers that declare no checksum. */
  version(file: string): string | undefined;
  setVersion(file: string, version: string | undefined): Promise<void>;
  /** The file is complete and checked. */
  finish(file: string): Promise<void>;
}

/** A pause before a server is asked again. */
export interface Wait {
  readonly why: string;
  readonly seconds: number;
}

export interface DownloadProgress {
  /** The file that is coming. */
  readonly file: string;
  readonly done: number;
  /** Undefined if a server does not say. */
  readonly total?: number;
  /** Bytes a second, lately; undefined at the start. */
  readonly rate?: number;
  /** Why it waits before it asks again, in words; undefined while bytes come. */
  readonly waiting?: Wait;
}

/** The limits of retries. */
export interface Patience {
  /** Tries in a row without a new byte. */
  readonly tries: number;
  /** Pause before the second try; doubled each time. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** After this long without a byte, a transfer counts as broken. */
  readonly idleMs: number;
}

export const USUAL_PATIENCE: Patience = {
  tries: 6,
  firstPauseMs: 1000,
  longestPauseMs: 30_000,
  idleMs: 30_000,
};

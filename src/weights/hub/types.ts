/** What the parts of a download tell each other. */

/** One file as it lies on a server. */
export interface RemoteFile {
  /** In the model's folder. */
  readonly name: string;
  readonly url: string;
  /** Bytes, where the server declares them. */
  readonly size?: number;
  /** SHA-256 of the content, in hex. */
  readonly sha256?: string;
  /** Git's name of the content: SHA-1 over `blob SIZE\0` and the bytes, in hex. */
  readonly gitSha1?: string;
}

/** A model as it can be had. */
export interface Offer {
  /** What it is called here: the repository's id, so that an adapter's configuration names what PEFT can load. */
  readonly name: string;
  /** The address of exactly this content: asked again, it is the same offer. */
  readonly source: string;
  readonly licence?: string;
  /** Whether its licence has to be accepted on the hub before files can be had. */
  readonly gated: boolean;
  /** Small files first: what is wrong with a model is mostly known before its weights are fetched. */
  readonly files: readonly RemoteFile[];
  /** All of it, where every size is declared. */
  readonly bytes?: number;
}

/** Where the bytes go. What is in it survives a break; `read` is for checking it. */
export interface DownloadSink {
  /** Bytes of a file that are there. */
  size(file: string): number;
  read(file: string, start: number, end: number): Promise<Uint8Array>;
  append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  truncate(file: string, bytes: number): Promise<void>;
  /** The version (ETag) of what is there of a file, for servers that declare no checksum. */
  version(file: string): string | undefined;
  setVersion(file: string, version: string | undefined): Promise<void>;
  /** All of it is there, and is what was declared. */
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
  /** Undefined where a server does not say. */
  readonly total?: number;
  /** Bytes a second, lately; undefined at the beginning. */
  readonly rate?: number;
  /** Why it waits before it asks again, in words; undefined while bytes come. */
  readonly waiting?: Wait;
}

/** How long a server is borne with. */
export interface Patience {
  /** Tries in a row without a new byte. */
  readonly tries: number;
  /** Pause before the second try; doubled each time. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Without a byte for so long, a transfer counts as broken. */
  readonly idleMs: number;
}

export const USUAL_PATIENCE: Patience = {
  tries: 6,
  firstPauseMs: 1000,
  longestPauseMs: 30_000,
  idleMs: 30_000,
};

/** Adapters to a repository of the hub. */
import type { Outcome } from './outcome.ts';

/** A file that a push would send. */
export interface SharedFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly sha256: string;
}

export interface ShareRequest {
  /** `org/name`; a new one is made if there is none. */
  readonly repo: string;
  /** A new repository is private; one that is there must be, if this is asked. */
  readonly private: boolean;
  /** It stays in memory during the call, goes to the hub's own address only, and is written nowhere. */
  readonly token: string;
}

export interface ShareProgress {
  readonly step: 'hashing' | 'sending';
  readonly file: string;
  /** Bytes of all files. */
  readonly done: number;
  readonly total: number;
  /** Why it waits before it asks again, and how long. */
  readonly waiting?: { readonly why: string; readonly seconds: number };
}

export interface Shared {
  /** The repository's page. */
  readonly page: string;
  /** Whether the repository is new. */
  readonly created: boolean;
  /** The id of the commit; missing if everything was there. */
  readonly commit?: string;
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
  /** Files that the .gitignore of the repository leaves out. */
  readonly ignored: readonly string[];
}

export interface SharingApi {
  /** The files that a push would send, and the hub that they would go to. Asks nobody. */
  planShare(id: string): Promise<Outcome<{ readonly hub: string; readonly files: readonly SharedFile[] }>>;
  /** Sends them as one commit. Fails with `hub-…`, and stopped with `worker-aborted`: what was sent before counts at the next push. */
  shareAdapter(
    id: string,
    request: ShareRequest,
    onProgress?: (progress: ShareProgress) => void,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly shared: Shared }>>;
}

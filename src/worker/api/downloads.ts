/** Models from the hub, or from any other address. */
import type { KeptModel } from './models.ts';
import type { Failure, Outcome } from './outcome.ts';

/** A file of a model that can be had. */
export interface OfferedFile {
  readonly name: string;
  /** Undefined where the server does not say. */
  readonly bytes?: number;
  /** Whether the server declares a checksum, so that what comes can be checked. */
  readonly checked: boolean;
}

/** A model as it can be had: asked for, and nothing of it fetched. */
export interface ModelOffer {
  /** What it will be called here. */
  readonly name: string;
  /** The address of exactly this content: what {@link DownloadsApi.download} takes. */
  readonly source: string;
  readonly licence?: string;
  /** Whether its licence has to be accepted on the hub before files can be had. */
  readonly gated: boolean;
  readonly files: readonly OfferedFile[];
  readonly bytes?: number;
}

/** A download that was begun and is not whole. */
export interface PartialDownload {
  readonly name: string;
  readonly source: string;
  readonly done: number;
  readonly bytes?: number;
}

export interface DownloadStatus {
  /** The file that is coming. */
  readonly file: string;
  readonly done: number;
  readonly total?: number;
  /** Bytes a second, lately. */
  readonly rate?: number;
  /** Why it waits before it asks again, and how long from this report on. */
  readonly waiting?: { readonly why: string; readonly seconds: number };
}

/** A person's access to the hub. It is held in memory for as long as the call takes, and written nowhere. */
export interface HubAccess {
  readonly token?: string;
}

export interface DownloadsApi {
  /** The hub that ids are looked up at. */
  hubAddress(): Promise<Outcome<{ readonly hub: string }>>;
  /** @param address empty for the usual one */
  changeHub(address: string): Promise<Outcome<{ readonly hub: string }>>;
  /**
   * Asks what can be had, without fetching it.
   *
   * @param asked `org/name`, `org/name@revision`, an address on the hub, or any address of a model
   * @returns every way to have it: a repository may hold several quantisations
   */
  findModels(asked: string, access: HubAccess): Promise<Outcome<{ readonly offers: readonly ModelOffer[] }>>;
  /** Ends what `findModels` waits for: it fails with `worker-aborted`. */
  stopFinding(): Promise<void>;
  /**
   * Fetches a model, checks it and keeps it; goes on where an earlier download of it stopped.
   *
   * @param source of an offer, or of a download that was begun
   * @returns without a model where it was paused or cancelled; what came is kept, but for a cancelled one. `useless` where Graft cannot open
   *   the model: nothing of it is kept then, and trying again would not help
   */
  download(
    source: string,
    access: HubAccess,
    onStatus: (status: DownloadStatus) => void,
  ): Promise<Outcome<{ readonly model?: Pick<KeptModel, 'name' | 'bytes'>; readonly useless?: Failure }>>;
  /** Stops one that runs and keeps what came. */
  pauseDownload(source: string): Promise<void>;
  /** Takes away what came of one, whether or not it runs. */
  cancelDownload(source: string): Promise<Outcome<object>>;
  /** Those that were begun and are not whole, running or not, the oldest first. */
  listDownloads(): Promise<Outcome<{ readonly downloads: readonly PartialDownload[] }>>;
}

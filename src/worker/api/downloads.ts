/** Models from the hub, or from any other address. */
import type { KeptModel } from './models.ts';
import type { Failure, Outcome } from './outcome.ts';

/** A file of an offered model. */
export interface OfferedFile {
  readonly name: string;
  /** Undefined if the server does not say. */
  readonly bytes?: number;
  /** Whether the server declares a checksum, so that the file can be checked. */
  readonly checked: boolean;
}

/** An offer of a model: nothing of it is fetched yet. */
export interface ModelOffer {
  /** Its name here. */
  readonly name: string;
  /** The address of exactly this content, for {@link DownloadsApi.download}. */
  readonly source: string;
  readonly licence?: string;
  /** Whether its licence has to be accepted on the hub before files can be fetched. */
  readonly gated: boolean;
  readonly files: readonly OfferedFile[];
  readonly bytes?: number;
}

/** A download that is not complete. */
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

/** A person's access to the hub. It stays in memory during the call, and is written nowhere. */
export interface HubAccess {
  readonly token?: string;
}

export interface DownloadsApi {
  /** The hub that ids are looked up at. */
  hubAddress(): Promise<Outcome<{ readonly hub: string }>>;
  /** @param address empty for the usual one */
  changeHub(address: string): Promise<Outcome<{ readonly hub: string }>>;
  /**
   * Finds the offers of a model, without fetching it. Stopped, it fails with `worker-aborted`.
   *
   * @param asked `org/name`, `org/name@revision`, an address on the hub, or any address of a model
   * @returns all offers: a repository may hold several quantisations
   */
  findModels(
    asked: string,
    access: HubAccess,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly offers: readonly ModelOffer[] }>>;
  /**
   * Fetches a model, checks it and keeps it; continues where an earlier download stopped.
   *
   * @param source of an offer, or of a download that was begun
   * @returns without a model if it was paused or cancelled; a paused download is kept, a cancelled one is not. `useless` if Graft cannot open
   *   the model: nothing of it is kept then, and trying again would not help
   */
  download(
    source: string,
    access: HubAccess,
    onStatus: (status: DownloadStatus) => void,
  ): Promise<Outcome<{ readonly model?: Pick<KeptModel, 'name' | 'bytes'>; readonly useless?: Failure }>>;
  /** Pauses a running download and keeps its bytes. */
  pauseDownload(source: string): Promise<void>;
  /** Deletes a download, whether or not it runs. */
  cancelDownload(source: string): Promise<Outcome<object>>;
  /** Downloads that are not complete, running or not, the oldest first. */
  listDownloads(): Promise<Outcome<{ readonly downloads: readonly PartialDownload[] }>>;
}

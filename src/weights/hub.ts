/**
 * Fetches models from the Hugging Face hub (or a mirror) by id, or from any address. `findModel` makes an offer; `fetchModel` downloads it into a
 * sink, and continues an earlier download.
 */
import { GraftError } from '../errors.ts';
import { chooseAdapter, chooseFiles, everyChoice, type FileChoice } from './hub/choose.ts';
import { Client, type ClientOptions, type HubSubject } from './hub/client.ts';
import { chooseDataFiles, dataFileNames } from './hub/data-files.ts';
import { MAX_LISTING_BYTES, parseListing, type ListedFile, type Listing } from './hub/listing.ts';
import { persist } from './hub/patience.ts';
import { placeAddress, encodePath, hubPage, parsePlace, type RepoPlace } from './hub/place.ts';
import { Rate } from './hub/rate.ts';
import { transfer } from './hub/transfer.ts';
import {
  type DownloadProgress,
  type DownloadSink,
  type Offer,
  type RemoteFile,
  type Wait,
  USUAL_PATIENCE,
} from './hub/types.ts';
import { findFolder } from './hub/url.ts';

export { HUB, hubAddress, hubPage, parsePlace } from './hub/place.ts';
export type { DownloadProgress, DownloadSink, Offer, RemoteFile, Wait } from './hub/types.ts';

export interface HubOptions extends ClientOptions {
  /** Called with the reason and the length of a pause before the server is asked again for what a model has, and with undefined at its end. */
  readonly onWait?: (wait?: Wait) => void;
}

/**
 * A person's request as files with addresses, sizes and checksums. A repository is pinned to the commit that its revision stands
 * for, so that all files are of one moment, also those that are fetched tomorrow.
 *
 * @param asked an id or an address (`parsePlace`)
 * @throws GraftError `hub-…`
 */
export async function findModel(asked: string, options: HubOptions): Promise<Offer> {
  const [offer] = await find(asked, options, (...repo) => [chooseFiles(...repo)]);
  return offer;
}

/**
 * A PEFT adapter on the hub, pinned as a model is.
 *
 * @param asked an id or an address (`parsePlace`)
 * @throws GraftError `hub-…`
 */
export async function findHubAdapter(asked: string, options: HubOptions): Promise<Offer> {
  const [offer] = await find(asked, options, (model, files) => [chooseAdapter(model, files)]);
  return offer;
}

/**
 * A data set on the hub as files of rows, pinned as a model is.
 *
 * @param asked an id after `datasets/`, or an address (`parsePlace`)
 * @throws GraftError `hub-…`
 */
export async function findDataSet(asked: string, options: HubOptions): Promise<Offer> {
  const place = parsePlace(asked, options.hub);
  if (place.kind !== 'repo' || !place.dataSet)
    throw new GraftError(
      'hub-address',
      `${asked} is not a data set on the hub.`,
      'Write datasets/ORG/NAME, or the address of its page.',
    );
  const { id, commit, licence, gated, files } = await withPatience(options, (client) =>
    list(client, place, subjectOf(place)),
  );
  const chosen = chooseDataFiles(id, files, place.file);
  const pinned: RepoPlace = { ...place, repo: id, revision: commit };
  const names = dataFileNames(chosen.map(({ path }) => path));
  return {
    name: id,
    source: placeAddress(pinned),
    ...(licence !== undefined && { licence }),
    gated,
    ...remoteFiles(pinned, chosen, names),
  };
}

/** Files with their addresses, and all of their bytes if every size is known. */
function remoteFiles(
  pinned: RepoPlace,
  chosen: readonly ListedFile[],
  names: readonly string[],
): Pick<Offer, 'files' | 'bytes'> {
  const base = `${hubPage(pinned)}/resolve/${pinned.revision}/`;
  const files = chosen.map(({ path, size, sha256, gitSha1 }, at): RemoteFile => ({
    name: names[at],
    url: base + path.split('/').map(encodeURIComponent).join('/'),
    ...(size !== undefined && { size }),
    ...(sha256 !== undefined && { sha256 }),
    ...(gitSha1 !== undefined && { gitSha1 }),
  }));
  const sizes = files.map(({ size }) => size);
  const bytes = sizes.every((size) => size !== undefined) ? sizes.reduce((a, b) => a + b, 0) : undefined;
  return { files, ...(bytes !== undefined && { bytes }) };
}

/** Asks until the server answers or patience ends. */
function withPatience<T>(options: HubOptions, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(options);
  const { patience, signal } = client;
  return persist(() => work(client), patience, signal, options.onWait && { onWait: options.onWait });
}

/** A person waits at the page for what a server has, and can ask again: one more try, a second later. */
const LOOKUP_TRIES = 2;

/**
 * All offers for a request: safetensors first, then each GGUF file, smallest first.
 *
 * @throws GraftError `hub-…`, soon if the server cannot be reached
 */
export function findModels(asked: string, options: HubOptions): Promise<Offer[]> {
  const patience = options.patience ?? USUAL_PATIENCE;
  const tries = Math.min(LOOKUP_TRIES, patience.tries);
  return find(asked, { ...options, patience: { ...patience, tries } }, everyChoice);
}

async function find(
  asked: string,
  options: HubOptions,
  choose: (model: string, files: readonly ListedFile[], file?: string) => readonly FileChoice[],
): Promise<Offer[]> {
  const place = parsePlace(asked, options.hub);
  if (place.kind === 'url') return [await findFolder(place.url, (work) => withPatience(options, work))];
  if (place.dataSet)
    throw new GraftError(
      'hub-address',
      `${place.repo} is a data set, and a model is needed here.`,
      'Fetch it with graft fetch, and open its files as rows.',
    );
  const listing = await withPatience(options, (client) => list(client, place, subjectOf(place)));
  return choose(place.repo, listing.files, place.file).map((choice) => offerOf(place, listing, choice));
}

function offerOf(place: RepoPlace, listing: Listing, { files, gguf, adapter }: FileChoice): Offer {
  const { id, commit, licence, gated } = listing;
  const pinned: RepoPlace = {
    ...{ kind: 'repo', hub: place.hub, repo: id, revision: commit },
    ...(gguf && { file: files[0].path }),
  };
  // An encoder's pooling stays in its folder: it has the name of the configuration.
  const names = files.map(({ path }) => (gguf ? baseName(path) : path));
  const remote = remoteFiles(pinned, files, names);
  return {
    name: gguf ? names[0].replace(/\.gguf$/i, '') : nameOf(id, place.revision),
    source: placeAddress(pinned),
    ...(licence !== undefined && { licence }),
    gated,
    ...(adapter && { adapter }),
    ...remote,
  };
}

function nameOf(id: string, revision: string): string {
  return revision === 'main' || /^[0-9a-f]{40}$/.test(revision) ? id : `${id}@${revision}`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function subjectOf(place: RepoPlace): HubSubject {
  return { model: place.repo, revision: place.revision, page: hubPage(place) };
}

async function list(client: Client, place: RepoPlace, subject: HubSubject): Promise<Listing> {
  const { hub, repo, revision, dataSet } = place;
  const where = `The answer of ${new URL(hub).host} about ${repo}`;
  const url = `${hub}/api/${dataSet ? 'datasets' : 'models'}/${repo}/revision/${encodePath(revision)}?blobs=true`;
  return parseListing(await client.read(url, subject, { most: MAX_LISTING_BYTES, where }), where);
}

/** Milliseconds between two reports of progress. */
const TELL_MS = 200;

/**
 * Downloads an offer's files into a sink, one after the other, each checked against the server's declarations.
 *
 * @throws GraftError `hub-…`, what the sink throws (a full disk), and what `signal` was aborted with. The partial files are in the sink:
 * called again with the same offer, it continues from there
 */
export async function fetchModel(
  { name, source, files }: Offer,
  sink: DownloadSink,
  options: HubOptions,
  onProgress: (progress: DownloadProgress) => void = () => undefined,
): Promise<void> {
  const client = new Client(options);
  const place = parsePlace(source, options.hub);
  const subject: HubSubject = place.kind === 'repo' ? subjectOf(place) : { model: source };
  const totals = new Map(files.map((file) => [file.name, file.size]));
  const have = new Map(files.map((file) => [file.name, sink.size(file.name)]));
  const rate = new Rate();
  let reportedAt = -Infinity;
  const report = (file: string, waiting?: Wait): void => {
    const now = performance.now();
    const sum = [...have.values()].reduce((a, b) => a + b, 0);
    rate.add(sum, now);
    if (now - reportedAt < TELL_MS && waiting === undefined) return;
    reportedAt = now;
    const known = [...totals.values()];
    const lately = rate.bytesPerSecond;
    onProgress({
      file,
      done: sum,
      ...(known.every((size) => size !== undefined) && { total: known.reduce((a, b) => a + b, 0) }),
      ...(lately !== undefined && { rate: lately }),
      ...(waiting !== undefined && { waiting }),
    });
  };
  for (const file of files) {
    const { signal } = options;
    signal.throwIfAborted();
    try {
      await transfer(file, {
        client,
        sink,
        subject: { ...subject, file: file.name },
        onBytes: (done, total) => {
          have.set(file.name, done);
          totals.set(file.name, total);
          report(file.name);
        },
        onWait: (wait) => {
          rate.forget();
          // The end of a pause is news, however short it was.
          reportedAt = -Infinity;
          report(file.name, wait);
        },
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof GraftError ? withKept(error, name, files, sink) : error;
    }
    reportedAt = -Infinity;
    report(file.name);
  }
}

/** Adds to an error which part is kept. */
function withKept(
  error: GraftError,
  name: string,
  files: readonly RemoteFile[],
  sink: DownloadSink,
): GraftError {
  const kept = files.reduce((sum, file) => sum + sink.size(file.name), 0);
  const said =
    kept === 0 ? 'Nothing was downloaded.' : `The downloaded part of ${name} is kept (${inMegabytes(kept)}).`;
  return new GraftError(error.code, error.what, `${said} ${error.remedy}`, { cause: error });
}

function inMegabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

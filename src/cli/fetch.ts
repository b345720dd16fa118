/** `graft fetch`: a model or a data set from the Hugging Face hub (or a model from any address) into a folder, resumed and checked. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { appendFile, mkdir, open, rename, rm, rmdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GraftError, messageOf } from '../errors.ts';
import { isObject } from '../json.ts';
import {
  fetchModel,
  findDataSet,
  findModel,
  HUB,
  hubAddress,
  hubPage,
  parsePlace,
  type DownloadProgress,
  type DownloadSink,
  type HubOptions,
  type Wait,
} from '../weights/hub.ts';
import { makeFolder } from './files.ts';
import { Flags, wordApart, type FlagSpecs } from './flags.ts';
import { formatBytes, formatSeconds, type Output } from './output.ts';
import { modelFlags } from './session.ts';

export const fetchFlags = {
  to: { value: 'DIR', help: 'the folder to write to (default: the last part of the name)' },
  file: {
    value: 'F',
    help: 'fetch only this file of the repository: a GGUF file, or any file of a data set',
  },
  revision: { value: 'R', help: 'branch, tag or commit (default: main)' },
  hub: {
    value: 'URL',
    help: `the hub or a mirror of it (default: $HF_ENDPOINT, or ${HUB}); a token for gated models is taken from $HF_TOKEN`,
  },
  help: modelFlags.help,
} as const satisfies FlagSpecs;

export async function fetchCommand(args: readonly string[], output: Output): Promise<void> {
  const { word: asked, rest } = wordApart(fetchFlags, args);
  if (!asked)
    throw new GraftError(
      'arguments',
      'The model or the data set is missing.',
      'Write graft fetch ORG/NAME, graft fetch datasets/ORG/NAME, or an address.',
    );
  const flags = new Flags(fetchFlags, rest);
  const hub = hubAddress(flags.text('hub') ?? (process.env['HF_ENDPOINT'] || HUB));
  const stop = new AbortController();
  const onInterrupt = (): void =>
    stop.abort(
      new GraftError('hub-paused', 'Stopped.', 'The downloaded part is kept: the same command continues.'),
    );
  process.once('SIGINT', onInterrupt);
  const token = process.env['HF_TOKEN']?.trim();
  const options: HubOptions = {
    ...{ hub, signal: stop.signal },
    ...(token && { token }),
    onWait: (wait) => wait && output.progress(describeWait(wait), true),
  };
  const address = askedFor(asked, flags, hub);
  const place = parsePlace(address, hub);
  const find = place.kind === 'repo' && place.dataSet ? findDataSet : findModel;
  const offer = await withTokenVariable(() => find(address, options));
  const folder = flags.text('to') ?? offer.name.slice(offer.name.lastIndexOf('/') + 1);
  const isNew = !existsSync(folder);
  await makeFolder(folder);
  output.line(
    `${offer.name}${offer.adapter ? ', an adapter' : ''}: ${offer.files.length} ${offer.files.length === 1 ? 'file' : 'files'}` +
      `${offer.bytes === undefined ? '' : `, ${formatBytes(offer.bytes)}`}` +
      `, ${offer.licence === undefined ? 'licence not stated' : `licence ${offer.licence}`}`,
  );
  const sink = new FolderSink(folder);
  try {
    await withTokenVariable(() =>
      fetchModel(offer, sink, options, (progress) =>
        output.progress(describe(progress), progress.waiting !== undefined),
      ),
    );
  } catch (error) {
    // Only an empty folder can be removed: what was downloaded stays.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
  process.off('SIGINT', onInterrupt);
  const checked = offer.files.filter(({ sha256, gitSha1 }) => sha256 ?? gitSha1).length;
  output.line(
    checked === offer.files.length
      ? 'Every file matches the checksum of the hub.'
      : `The server declares no checksum for ${offer.files.length - checked} of ${offer.files.length} files.`,
  );
  output.result(`${offer.files.length === 1 ? join(folder, offer.files[0].name) : folder}\n`);
}

/** The page has a field for the token; the command reads the token from its environment. */
async function withTokenVariable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GraftError) || !/give a token/.test(error.remedy)) throw error;
    throw new GraftError(error.code, error.what, `${error.remedy} It is read from HF_TOKEN.`, {
      cause: error,
    });
  }
}

function askedFor(asked: string, flags: Flags<typeof fetchFlags>, hub: string): string {
  const place = parsePlace(asked, hub);
  const file = flags.text('file');
  const revision = flags.text('revision');
  if (file === undefined && revision === undefined) return asked;
  if (place.kind === 'url')
    throw new GraftError('arguments', 'An address takes no --file and no --revision.', 'Leave them out.');
  const at = encodeURIComponent(revision ?? place.revision);
  const base = hubPage(place);
  return file === undefined ? `${base}/tree/${at}` : `${base}/resolve/${at}/${file}`;
}

export function describeWait({ why, seconds }: Wait): string {
  return `${why} Trying again in ${formatSeconds(seconds)}.`;
}

function describe({ file, done, total, rate, waiting }: DownloadProgress): string {
  if (waiting) return describeWait(waiting);
  const parts = [total === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`];
  if (rate !== undefined) {
    parts.push(`${formatBytes(rate)}/s`);
    if (total !== undefined && rate > 0) parts.push(`${formatSeconds((total - done) / rate)} left`);
  }
  return `${file}: ${parts.join(', ')}`;
}

/** Writes files with the ending `.part`, and gives them their names once they are complete and checked. */
class FolderSink implements DownloadSink {
  /** Files of which this process has checked that it may write them. */
  readonly #begun = new Set<string>();

  constructor(private readonly folder: string) {}

  size(file: string): number {
    return statSync(this.#path(file), { throwIfNoEntry: false })?.size ?? 0;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    const handle = await open(this.#path(file));
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(end - start), 0, end - start, start);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  append(file: string, bytes: Uint8Array): Promise<void> {
    return writing(this.folder, async () => {
      await this.#begin(file);
      await appendFile(this.#part(file), bytes);
    });
  }

  /** A download has its note before its first byte: a part without one is not a download of Graft's. */
  async #begin(file: string): Promise<void> {
    if (this.#begun.has(file)) return;
    if (!existsSync(this.#note(file))) {
      this.#refuse(file, this.#part(file));
      // An encoder's pooling is in a folder of its own.
      await mkdir(dirname(this.#part(file)), { recursive: true });
      await writeFile(this.#note(file), '{}');
    }
    this.#begun.add(file);
  }

  /** @throws GraftError `fetch-exists` if there is a file that Graft did not write */
  #refuse(file: string, path: string): void {
    if (!existsSync(path)) return;
    throw new GraftError(
      'fetch-exists',
      `${path} is there and is not ${path === this.#part(file) ? "Graft's partial download" : 'the file that the server has'}.`,
      'Move it away, or give another folder with --to.',
    );
  }

  async truncate(file: string, bytes: number): Promise<void> {
    this.#refuse(file, join(this.folder, file));
    if (!existsSync(this.#note(file))) this.#refuse(file, this.#part(file));
    if (existsSync(this.#part(file))) await truncate(this.#part(file), bytes);
  }

  version(file: string): string | undefined {
    try {
      const note: unknown = JSON.parse(readFileSync(this.#note(file), 'utf8'));
      return isObject(note) && typeof note['etag'] === 'string' ? note['etag'] : undefined;
    } catch {
      // No ETag, or one that a crash cut short: then the file is checked by its checksum alone.
      return undefined;
    }
  }

  async setVersion(file: string, version: string | undefined): Promise<void> {
    if (existsSync(join(this.folder, file))) return;
    await writing(this.folder, async () => {
      await this.#begin(file);
      await writeFile(this.#note(file), JSON.stringify({ etag: version }));
    });
  }

  async finish(file: string): Promise<void> {
    // An empty file is a download that never began.
    if (!existsSync(join(this.folder, file)) && !existsSync(this.#part(file)))
      await this.append(file, new Uint8Array(0));
    if (existsSync(this.#part(file)) && !existsSync(join(this.folder, file))) {
      if (!existsSync(this.#note(file))) this.#refuse(file, this.#part(file));
      await rename(this.#part(file), join(this.folder, file));
    }
    await rm(this.#note(file), { force: true });
  }

  #path(file: string): string {
    const whole = join(this.folder, file);
    return existsSync(whole) ? whole : this.#part(file);
  }
  #part(file: string): string {
    return join(this.folder, `${file}.part`);
  }
  #note(file: string): string {
    return `${this.#part(file)}.json`;
  }
}

async function writing(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (cause instanceof GraftError) throw cause;
    throw new GraftError(
      'file-write',
      `${folder} could not be written: ${messageOf(cause)}.`,
      'Check the disk and the permissions, then give the same command again.',
      { cause },
    );
  }
}

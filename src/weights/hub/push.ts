/**
 * Pushes files to a repository of models on the Hugging Face hub, by its HTTP interface, without git:
 *
 *   POST /api/repos/create                          makes the repository, or says that it is there
 *   POST /api/validate-yaml                         checks the metadata of the card, before anything is sent
 *   POST /api/models/REPO/preupload/main            says of each file whether it is large, and which content is there now
 *   POST /REPO.git/info/lfs/objects/batch           gives a signed address for each large file whose content is not there (Git LFS)
 *   PUT  the signed addresses                       whole, or in parts that one more request puts together
 *   POST /api/models/REPO/commit/main               one commit: a line of JSON for the header and for each file
 *
 * The requests are those of huggingface_hub 2.4 without hf_xet (_commit_api.py, lfs.py): tests/reference/hub has what it sends for a folder. With hf_xet
 * it sends large files by Xet's own protocol. The hub takes both, and moves what came by Git LFS to Xet by itself
 * (https://huggingface.co/docs/hub/xet/legacy-git-lfs).
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { GraftError } from '../../errors.ts';
import { repoFault } from '../../repo-name.ts';
import { LFS, Sender, type SenderOptions } from './push-requests.ts';

export interface PushFile {
  /** Its path in the repository. */
  readonly name: string;
  readonly content: Blob;
}

export interface PushOptions extends SenderOptions {
  /** Whether a new repository is private. One that is there must be, if this is asked. */
  readonly private: boolean;
  /** The title of the commit. */
  readonly message: string;
  readonly onProgress?: (progress: PushProgress) => void;
}

export interface PushProgress {
  readonly step: 'hashing' | 'sending';
  readonly file: string;
  /** Bytes of all files. */
  readonly done: number;
  readonly total: number;
}

export interface Pushed {
  /** The repository's page. */
  readonly page: string;
  /** Whether the repository is new. */
  readonly created: boolean;
  /** The id of the commit; missing if everything was there. */
  readonly commit?: string;
  /** Names of the files in the commit. */
  readonly changed: readonly string[];
  /** Names of the files that were there with the same content. */
  readonly unchanged: readonly string[];
  /** Names of the files that the repository's .gitignore leaves out. */
  readonly ignored: readonly string[];
}

const Preupload = v.object({
  files: v.array(
    v.object({
      path: v.string(),
      uploadMode: v.picklist(['lfs', 'regular']),
      shouldIgnore: v.optional(v.boolean()),
      oid: v.nullish(v.string()),
    }),
  ),
});
const Batch = v.object({
  objects: v.array(
    v.object({
      oid: v.string(),
      error: v.optional(v.object({ message: v.string() })),
      actions: v.optional(
        v.object({
          upload: v.optional(
            v.object({ href: v.string(), header: v.optional(v.record(v.string(), v.unknown())) }),
          ),
          verify: v.optional(v.object({ href: v.string() })),
        }),
      ),
    }),
  ),
});
const Commit = v.object({ commitOid: v.string() });
const Anything = v.unknown();

/** Files of one request, as the hub's clients ask. */
const AT_ONCE = 100;
/** Bytes of a file that the hub decides by whether it is text. */
const SAMPLE_BYTES = 512;
/** Bytes that are hashed at once. */
const HASH_BYTES = 4 * 2 ** 20;
const BRANCH = 'main';
const CARD = 'README.md';

interface Planned extends PushFile {
  readonly isLarge: boolean;
  /** SHA-256 of a large file, git's SHA-1 of a small one. */
  readonly hash: string;
}

/**
 * @param repo `account/name` @throws GraftError `hub-address` for a name that is none
 */
export function checkRepo(repo: string): void {
  const fault = repoFault(repo);
  if (fault === undefined) return;
  throw new GraftError(
    'hub-address',
    `${JSON.stringify(repo.slice(0, 120))} is not the name of a repository.`,
    fault,
  );
}

/**
 * One commit with these files. What is there with the same content is not sent: a push that was cut short continues with the files that are missing.
 *
 * @throws GraftError `hub-…`; the reason of the signal
 */
export async function pushFiles(files: readonly PushFile[], options: PushOptions): Promise<Pushed> {
  checkRepo(options.repo);
  const { hub, repo } = options;
  const sender = new Sender(options);
  const created = await createRepo(sender, options);
  const card = files.find(({ name }) => name === CARD);
  if (card) await checkCard(sender, options, card);
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  let done = 0;
  const report = (step: PushProgress['step'], file: string, bytes: number): void => {
    done += bytes;
    options.onProgress?.({ step, file, done, total });
  };
  const planned: Planned[] = [];
  const unchanged: string[] = [];
  const ignored: string[] = [];
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const some = files.slice(start, start + AT_ONCE);
    const modes = await preupload(sender, options, some);
    for (const file of some) {
      report('hashing', file.name, 0);
      const mode = modes.get(file.name);
      if (!mode) throw unanswered(options, file.name);
      if (mode.shouldIgnore) {
        ignored.push(file.name);
        report('hashing', file.name, file.content.size);
        continue;
      }
      // The storage of large files takes no empty one.
      const isLarge = mode.uploadMode === 'lfs' && file.content.size > 0;
      const hash = await hashOf(file.content, isLarge, options.signal);
      if (hash === mode.oid) {
        unchanged.push(file.name);
        report('hashing', file.name, file.content.size);
      } else planned.push({ ...file, isLarge, hash });
    }
  }
  const large = planned.filter(({ isLarge }) => isLarge);
  for (let start = 0; start < large.length; start += AT_ONCE)
    await sendLarge(sender, options, large.slice(start, start + AT_ONCE), (name, bytes) =>
      report('sending', name, bytes),
    );
  const page = `${hub}/${repo}`;
  if (planned.length === 0) return { page, created, changed: [], unchanged, ignored };
  const lines = [
    { key: 'header', value: { summary: options.message, description: '' } },
    ...(await Promise.all(planned.map(commitLine))),
  ];
  const answer = await sender.ask(`${hub}/api/models/${repo}/commit/${BRANCH}`, Commit, {
    type: 'application/x-ndjson',
    body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  });
  for (const { name, content, isLarge } of planned) if (!isLarge) report('sending', name, content.size);
  const changed = planned.map(({ name }) => name);
  return { page, created, commit: answer!.commitOid, changed, unchanged, ignored };
}

/** @returns whether it is new @throws GraftError `hub-public` */
async function createRepo(sender: Sender, { hub, repo, private: isPrivate }: PushOptions): Promise<boolean> {
  const [organization, name] = repo.split('/');
  const body = JSON.stringify({
    ...{ name, organization, type: 'model' },
    // Otherwise the organisation decides.
    ...(isPrivate && { visibility: 'private' }),
  });
  const made = await sender.ask(`${hub}/api/repos/create`, Anything, { body, accept: 409 });
  if (made !== undefined && !isPrivate) return true;
  const Known = v.object({ private: v.optional(v.boolean(), false) });
  const known = await sender.ask(`${hub}/api/models/${repo}`, Known, { method: 'GET' });
  if (isPrivate && !known!.private)
    throw new GraftError(
      'hub-public',
      made === undefined
        ? `${repo} is there and is public, and a private one was asked for. Nothing was sent.`
        : `${new URL(hub).host} made ${repo} public, and a private one was asked for. Nothing was sent.`,
      'Make it private in its settings on the hub, or choose another name.',
    );
  return made !== undefined;
}

/** @throws GraftError `hub-refused` for metadata that the hub would refuse with the commit */
async function checkCard(sender: Sender, { hub }: PushOptions, { content }: PushFile): Promise<void> {
  await sender.ask(`${hub}/api/validate-yaml`, Anything, {
    body: JSON.stringify({ content: await content.text(), repoType: 'model' }),
    what: `the metadata of ${CARD}`,
    // A mirror may not check it.
    accept: 404,
  });
}

async function preupload(
  sender: Sender,
  { hub, repo }: PushOptions,
  files: readonly PushFile[],
): Promise<Map<string, v.InferOutput<typeof Preupload>['files'][number]>> {
  const described = await Promise.all(
    files.map(async ({ name, content }) => ({
      path: name,
      size: content.size,
      sample: base64(new Uint8Array(await content.slice(0, SAMPLE_BYTES).arrayBuffer())),
    })),
  );
  const answer = await sender.ask(`${hub}/api/models/${repo}/preupload/${BRANCH}`, Preupload, {
    body: JSON.stringify({ files: described }),
  });
  return new Map(answer!.files.map((file) => [file.path, file]));
}

async function sendLarge(
  sender: Sender,
  options: PushOptions,
  files: readonly Planned[],
  report: (name: string, bytes: number) => void,
): Promise<void> {
  const { hub, repo } = options;
  const answer = await sender.ask(`${hub}/${repo}.git/info/lfs/objects/batch`, Batch, {
    type: LFS,
    body: JSON.stringify({
      operation: 'upload',
      transfers: ['basic', 'multipart'],
      hash_algo: 'sha256',
      ref: { name: BRANCH },
      objects: files.map(({ hash, content }) => ({ oid: hash, size: content.size })),
    }),
  });
  const objects = new Map(answer!.objects.map((object) => [object.oid, object]));
  for (const { name, hash, content } of files) {
    const object = objects.get(hash);
    if (!object) throw unanswered(options, name);
    if (object.error)
      throw new GraftError(
        'hub-refused',
        `${new URL(hub).host} does not take ${name} for ${repo}: ${object.error.message.slice(0, 200)}.`,
        'Check the room that the account has there.',
      );
    const { upload, verify } = object.actions ?? {};
    if (!upload) {
      // The content is there, from another push perhaps.
      report(name, content.size);
      continue;
    }
    const { header = {} } = upload;
    const chunk = Number(header['chunk_size'] ?? NaN);
    if (Number.isSafeInteger(chunk) && chunk > 0)
      await sendParts(sender, options, { name, hash, content }, { href: upload.href, header, chunk }, report);
    else {
      report(name, 0);
      await sender.put(upload.href, content);
      report(name, content.size);
    }
    if (verify)
      await sender.ask(verify.href, Anything, {
        body: JSON.stringify({ oid: hash, size: content.size }),
      });
  }
}

/** A large file in parts of one length, each to an address of its own: header has them by number, from 1 on. */
async function sendParts(
  sender: Sender,
  options: PushOptions,
  { name, hash, content }: Pick<Planned, 'name' | 'hash' | 'content'>,
  { href, header, chunk }: { href: string; header: Readonly<Record<string, unknown>>; chunk: number },
  report: (name: string, bytes: number) => void,
): Promise<void> {
  const numbers = Object.keys(header)
    .filter((key) => /^\d+$/.test(key))
    .sort((a, b) => Number(a) - Number(b));
  if (numbers.length !== Math.ceil(content.size / chunk)) throw unanswered(options, name);
  const parts: { partNumber: number; etag: string }[] = [];
  for (const key of numbers) {
    const number = Number(key);
    const slice = content.slice((number - 1) * chunk, number * chunk);
    report(name, 0);
    const etag = await sender.put(String(header[key]), slice);
    if (etag === undefined) throw unanswered(options, name);
    parts.push({ partNumber: number, etag });
    report(name, slice.size);
  }
  await sender.complete(href, JSON.stringify({ oid: hash, parts }));
}

async function commitLine({ name, content, isLarge, hash }: Planned): Promise<object> {
  return isLarge
    ? { key: 'lfsFile', value: { path: name, algo: 'sha256', oid: hash, size: content.size } }
    : {
        key: 'file',
        value: {
          path: name,
          encoding: 'base64',
          content: base64(new Uint8Array(await content.arrayBuffer())),
        },
      };
}

async function hashOf(content: Blob, isLarge: boolean, signal: AbortSignal): Promise<string> {
  const hash = isLarge ? sha256.create() : sha1.create();
  if (!isLarge) hash.update(new TextEncoder().encode(`blob ${content.size}\0`));
  for (let start = 0; start < content.size; start += HASH_BYTES) {
    signal.throwIfAborted();
    hash.update(new Uint8Array(await content.slice(start, start + HASH_BYTES).arrayBuffer()));
  }
  return bytesToHex(hash.digest());
}

function unanswered({ hub, repo }: PushOptions, name: string): GraftError {
  return new GraftError(
    'hub-listing',
    `The answer of ${new URL(hub).host} about ${repo} does not say where ${name} goes.`,
    'Check the address of the hub. If it is right, the server is broken or is not a hub.',
  );
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * The saved states of a run in its folder: `state` and, from the save before, `state.old`. Each holds the trainer's state, the lines of
 * metrics.jsonl until then, and the checksums of both in the format of sha256sum.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import { readState, STATE_FILES, writeState, type SavedState } from '../train/state-files.ts';
import type { FileSet } from '../weights/bytes.ts';
import { folder, PART, removeFolder, replacedFolder, replaceFolder, writeFolder } from './files.ts';
import { workingIn } from './folder-lock.ts';
import { METRICS } from './metrics-log.ts';
import { HASH_CHUNK, sha256 } from './sha256.ts';

export const STATE = 'state';
const SUMS = 'SHA256SUMS';

export interface SavedRun {
  readonly saved: SavedState;
  /** The folder that it was read from. */
  readonly path: string;
  /** Lines of metrics.jsonl until then; undefined if an earlier version saved it. */
  readonly metrics: readonly string[] | undefined;
}

/** Saves a run in its folder, and keeps the state before it. @throws GraftError `file-write`; then the states are as they were */
export async function saveRun(out: string, saved: SavedState, metrics: readonly string[]): Promise<string> {
  const path = join(out, STATE);
  const files: Record<string, Uint8Array> = {
    ...writeState(saved),
    [METRICS]: new TextEncoder().encode(metrics.map((line) => `${line}\n`).join('')),
  };
  const sums = Object.entries(files).map(([name, bytes]) => `${sumOf(bytes)}  ${name}\n`);
  files[SUMS] = new TextEncoder().encode(sums.join(''));
  await replaceFolder(path, (next) => writeFolder(next, files));
  return path;
}

/** Removes the state before the last one, which makes room for a result. @throws GraftError `file-write` */
export async function forgetEarlier(out: string): Promise<void> {
  if (existsSync(join(out, STATE))) await removeFolder(replacedFolder(join(out, STATE)));
}

/** Removes the states of a run. @throws GraftError `file-write` */
export async function forgetSaved(out: string): Promise<void> {
  await removeFolder(replacedFolder(join(out, STATE)));
  await removeFolder(join(out, STATE));
}

/** Whether the folder of a run has a state, read or not. */
export const hasSaved = (out: string): boolean => countSaved(out) > 0;

/** The path of what is not Graft's in the folders where it keeps saved states: saving replaces these folders. */
export function otherInStates(out: string): string | undefined {
  const state = join(out, STATE);
  const known = [...STATE_FILES, METRICS, SUMS].flatMap((name) => [name, `${name}${PART}`]);
  const otherIn = (place: string): readonly string[] => {
    const stat = statSync(place, { throwIfNoEntry: false });
    if (!stat?.isDirectory()) return stat ? [place] : [];
    return readdirSync(place)
      .filter((name) => !known.includes(name))
      .map((name) => join(place, name));
  };
  return [state, replacedFolder(state)]
    .flatMap((place) => [place, `${place}${PART}`])
    .flatMap(otherIn)
    .at(0);
}

/** How many states the folder of a run has. */
export function countSaved(out: string): number {
  const state = join(out, STATE);
  return [state, replacedFolder(state)].filter((place) => existsSync(place)).length;
}

/** The saved states that a path means, the latest first: for a run's folder both, for a state's folder itself and the one before. */
function candidates(path: string): string[] {
  const state = existsSync(join(path, STATE)) || existsSync(replacedFolder(join(path, STATE)));
  const first = state ? join(path, STATE) : path;
  const isState = state || basename(first) === STATE;
  return [first, ...(isState ? [replacedFolder(first)] : [])].filter((place) => existsSync(place));
}

/** The run's folder of a saved state, unless the state was moved elsewhere. */
export function runFolderOf({ path }: SavedRun): string | undefined {
  const full = resolve(path);
  return [STATE, replacedFolder(STATE)].includes(basename(full)) ? dirname(full) : undefined;
}

/** The latest saved state that a path means, if there is one and it is complete. */
export async function findSaved(path: string): Promise<SavedRun | undefined> {
  for (const place of candidates(path)) {
    try {
      return await readSaved(place);
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
  }
  return undefined;
}

/**
 * Reads a saved state by the path of its folder or of its run's.
 *
 * @throws GraftError `folder-locked` for a run that has not saved anything yet, `state-missing`, `state-format`, `state-damaged`, `json-…`, naming what is wrong and which earlier state is left
 */
export async function openSaved(path: string): Promise<SavedRun> {
  const [latest = path, earlier] = candidates(path);
  try {
    return await readSaved(latest);
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    if (error.code === 'state-missing' || error.code === 'file-missing') {
      const who = workingIn(path);
      if (who === undefined) throw error;
      throw new GraftError(
        'folder-locked',
        `A run is in progress in ${path} and has saved no state yet: ${who}.`,
        'Let it run, or interrupt it with Ctrl-C: then it saves its state, and --resume continues from there.',
      );
    }
    const before = earlier === undefined ? undefined : await findSaved(earlier);
    throw new GraftError(
      error.code,
      error.what,
      before
        ? `The state before it, after step ${before.saved.state.counters.step}, is complete: continue from it with --resume ${before.path}.`
        : 'No earlier state is left: start the run again.',
      { cause: error },
    );
  }
}

async function readSaved(path: string): Promise<SavedRun> {
  const files = folder(path);
  await checkSums(files);
  const metrics = await files.open(METRICS);
  const saved = await readState(files);
  const text = metrics && new TextDecoder().decode(await metrics.read(0, metrics.size));
  return { saved, path, metrics: text?.split('\n').slice(0, -1) };
}

/** A state that an earlier version saved has no checksums, and passes. */
async function checkSums(files: FileSet): Promise<void> {
  const sums = await files.open(SUMS);
  if (!sums) return;
  const damaged = (name: string, what: string): GraftError =>
    new GraftError('state-damaged', `The saved state is damaged: ${files.name}/${name} ${what}.`, '');
  const text = new TextDecoder().decode(await sums.read(0, sums.size));
  if (!/^([0-9a-f]{64} {2}[\w.]+\n)+$/.test(text)) throw damaged(SUMS, 'is not a list of checksums');
  const listed = [...text.matchAll(/^(\w+) {2}(.+)$/gm)].map(([, sum, name]) => ({ sum, name }));
  const unlisted = files.list().find((file) => file !== SUMS && !listed.some(({ name }) => name === file));
  if (unlisted !== undefined) throw damaged(SUMS, `does not list ${unlisted}`);
  for (const { sum, name } of listed) {
    const file = await files.open(name);
    if (!file) throw damaged(name, 'is missing');
    const hash = sha256();
    for (let start = 0; start < file.size; start += HASH_CHUNK)
      hash.update(await file.read(start, Math.min(file.size, start + HASH_CHUNK)));
    if (hash.hex() !== sum)
      throw damaged(name, `does not have the checksum that ${SUMS} says: bytes of it changed or are missing`);
  }
}

function sumOf(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}

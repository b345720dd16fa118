/**
 * graft-files.json of a folder: the list of what Graft wrote there. Whether a file is Graft's own is never guessed from its name or from what lies
 * next to it, since model folders of other programs have the same names: only what is listed may be removed or replaced unasked.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { POOLING_FILE, POOLING_FOLDER } from '../weights/companions.ts';
import { unwritten, writeWhole } from './files.ts';

export const LIST = 'graft-files.json';

/** A list may come from elsewhere with its folder: it names files of its own folder only. */
const Name = v.pipe(
  v.string(),
  v.check((name) => name === basename(name) && !/[/\\\0]/.test(name) && !['', '.', '..'].includes(name)),
);
const List = v.object({ files: v.array(Name) });

/** The names of what Graft wrote to a folder, the list among them; none without a list that can be read. */
export function ownFiles(out: string): ReadonlySet<string> {
  const path = join(out, LIST);
  if (!existsSync(path)) return new Set();
  try {
    const parsed = v.safeParse(List, JSON.parse(readFileSync(path, 'utf8')));
    return new Set(parsed.success ? [...parsed.output.files, LIST] : []);
  } catch {
    // Another program's, or damaged: then nothing here is known to be Graft's.
    return new Set();
  }
}

/**
 * Lists files of a folder as Graft's own. Called before they are written, so that a crash leaves none that is not listed.
 *
 * @param overwrite whether files of others with these names may be replaced
 * @throws GraftError `folder-used` if one of them is there and is not Graft's, `file-write`
 */
export async function claimFiles(
  out: string,
  names: readonly string[],
  { overwrite }: { readonly overwrite: boolean },
): Promise<void> {
  const own = ownFiles(out);
  const missing = names.filter((name) => !own.has(name));
  const other = overwrite ? undefined : [LIST, ...missing].find((name) => isOthers(out, name, own));
  if (other !== undefined)
    throw new GraftError(
      'folder-used',
      `${join(out, other)} is there, and Graft did not write it.`,
      'Choose another folder, or replace it with --overwrite.',
    );
  if (missing.length === 0) return;
  const kept = [...own].filter((name) => name !== LIST && existsSync(join(out, name)));
  const files = [...new Set([...kept, ...names])].sort();
  await writeWhole(join(out, LIST), new TextEncoder().encode(`${JSON.stringify({ files }, null, 2)}\n`));
}

const isOthers = (out: string, name: string, own: ReadonlySet<string>): boolean =>
  !own.has(name) && existsSync(join(out, name));

/** Removes files. @throws GraftError `file-write` */
export async function removeFiles(out: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(out, name);
    try {
      // A folder that holds more than its one file stays.
      if (name === POOLING_FOLDER) await removeFolder(path);
      else await rm(path, { force: true });
    } catch (cause) {
      throw unwritten(path, cause, 'removed');
    }
  }
}

async function removeFolder(path: string): Promise<void> {
  if (!existsSync(path)) return;
  await rm(join(path, POOLING_FILE), { force: true });
  if ((await readdir(path)).length === 0) await rmdir(path);
}

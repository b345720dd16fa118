/**
 * graft-files.json of a folder: the list of what Graft wrote there. Whether a file is Graft's own is never guessed from its name or from what lies
 * next to it, since model folders of other programs have the same names: only what is listed may be removed or replaced unasked.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { POOLING_FILE, POOLING_FOLDER } from '../weights/companions.ts';
import { PART, unwritten, writeWhole } from './files.ts';

export const LIST = 'graft-files.json';

/** A list may come from elsewhere with its folder: it names files of its own folder, or of a folder in it, only. */
const Name = v.pipe(
  v.string(),
  v.check((name) => {
    const parts = name.split('/');
    return (
      parts.length <= 2 && parts.every((part) => !/[\\\0:]/.test(part) && !['', '.', '..'].includes(part))
    );
  }),
);
const List = v.object({ files: v.array(Name) });

/** The names of what is in a folder, and of Graft's own files in the folders there, finished or not. */
export function namesIn(out: string): readonly string[] {
  if (!existsSync(out)) return [];
  const nested = [...ownFiles(out)].filter((name) => name.includes('/'));
  const written = nested.flatMap((name) => [name, `${name}${PART}`]);
  return [...readdirSync(out), ...written.filter((name) => existsSync(join(out, name)))];
}

/** The names of what Graft wrote to a folder, the list among them; none without a list that can be read. */
export function ownFiles(out: string): ReadonlySet<string> {
  const path = join(out, LIST);
  if (!existsSync(path)) return new Set();
  try {
    const parsed = v.safeParse(List, JSON.parse(readFileSync(path, 'utf8')));
    const names = parsed.success ? parsed.output.files.filter((name) => !isElsewhere(out, name)) : undefined;
    return new Set(names ? [...names, LIST] : []);
  } catch {
    // Another program's, or damaged: then nothing here is known to be Graft's.
    return new Set();
  }
}

/** Whether the folder of a file is a link, which may lead anywhere. */
function isElsewhere(out: string, name: string): boolean {
  const folder = join(out, dirname(name));
  return name.includes('/') && existsSync(folder) && lstatSync(folder).isSymbolicLink();
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
      if (name.includes('/')) await removeEmpty(dirname(path));
    } catch (cause) {
      throw unwritten(path, cause, 'removed');
    }
  }
}

async function removeFolder(path: string): Promise<void> {
  if (!existsSync(path)) return;
  await rm(join(path, POOLING_FILE), { force: true });
  await removeEmpty(path);
}

async function removeEmpty(path: string): Promise<void> {
  if (existsSync(path) && (await readdir(path)).length === 0) await rmdir(path);
}

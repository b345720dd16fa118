/** Whether what a command writes would land on what it reads. */
import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GraftError } from '../errors.ts';

/** Something that a command reads: `what` says what it is, as in "the base model". */
interface Source {
  readonly what: string;
  /** A file or a folder; undefined if the call has none. */
  readonly path: string | undefined;
}

/** Links that are followed before the path counts as a circle. */
const MAX_LINKS = 40;

/**
 * Refuses an output that is, contains or lies inside one of the things that it is made from. Folders are compared by device and inode, so links,
 * relative paths and names in another case are recognised. Writes nothing.
 *
 * @param flag that named the output, as in "--out"
 * @throws GraftError `arguments`
 */
export function checkOutput(flag: string, out: string, sources: readonly Source[]): void {
  const existing = existingPart(out);
  const around = ancestors(existing);
  // An output that does not exist yet can neither be nor contain a source.
  const itself = existing === realPath(out) ? identity(existing) : undefined;
  const refuse = (how: string, { what, path }: Source): never => {
    throw new GraftError(
      'arguments',
      `${flag} ${out} ${how} ${what} ${path}, which must stay as it is.`,
      `Choose another path for ${flag}.`,
    );
  };
  for (const source of sources) {
    for (const real of realPaths(source.path)) {
      const id = identity(real);
      if (itself !== undefined && id === itself) refuse('is', source);
      if (around.has(id)) refuse('lies inside', source);
      if (itself !== undefined && ancestors(real).has(itself)) refuse('contains', source);
    }
  }
}

/**
 * Refuses to write a file over one that is there, unless it may be overwritten, and over anything that is not a file: a folder, a device. Writes
 * nothing.
 *
 * @throws GraftError `file-used`
 */
export function checkFile(flag: string, path: string, overwrite: boolean): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isFile())
    throw new GraftError('file-used', `${flag} ${path} is not a file.`, `Choose another path for ${flag}.`);
  if (!overwrite)
    throw new GraftError(
      'file-used',
      `${flag} ${path} is there already.`,
      `Choose another path for ${flag}, or replace it with --overwrite.`,
    );
}

/** The real places of a source: its own, and for a folder those of the files that are links in it. */
function realPaths(path: string | undefined): string[] {
  const real = path === undefined ? undefined : realPath(path);
  if (real === undefined) return [];
  if (!statSync(real).isDirectory()) return [real];
  const links = readdirSync(real, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
  return [real, ...links.flatMap(({ name }) => realPath(join(real, name)) ?? [])];
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

/** The deepest existing part of a path, with links followed, also those to missing files. */
function existingPart(path: string, links = 0): string {
  const real = realPath(path);
  if (real !== undefined) return real;
  const full = resolve(path);
  if (links < MAX_LINKS && isLink(full))
    return existingPart(resolve(dirname(full), readlinkSync(full)), links + 1);
  return dirname(full) === full ? full : existingPart(dirname(full), links);
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // Missing, or behind circular links.
    return false;
  }
}

/** The identities of a real path and of all folders that it lies in. */
function ancestors(real: string): Set<string> {
  const parent = dirname(real);
  return new Set([identity(real), ...(parent === real ? [] : ancestors(parent))]);
}

function identity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

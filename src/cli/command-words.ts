/** How the person can start the command again, for command lines that they are told to run next. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The name of the package on npm, and of its command there: `graft` is the package of somebody else. */
const PACKAGE = 'graft-studio';
/** The names of the command in package.json. */
const NAMES = ['graft', PACKAGE];
/** The file that `bin` of package.json names. */
const SCRIPT = join('bin', 'graft.mjs');
const MODULES = `${sep}node_modules${sep}`;

/** How a process was started. */
export interface Started {
  /** Our own `bin/graft.mjs`, with links followed. */
  readonly own: string;
  /** The path that Node was started with. */
  readonly script: string;
  /** `exec` below npx; empty if npm has no part. */
  readonly npmCommand: string;
  /** The folder that it was started in. */
  readonly here: string;
  /** The folders that a shell looks for commands in, as `PATH` has them. */
  readonly path: string;
}

/** The file that starts the command. */
export const ownScript = (): string => fileURLToPath(new URL(`../../bin/graft.mjs`, import.meta.url));

function thisProcess(): Started {
  return {
    own: ownScript(),
    script: process.argv.at(1) ?? '',
    npmCommand: process.env['npm_command'] ?? '',
    here: process.cwd(),
    path: process.env['PATH'] ?? '',
  };
}

/**
 * @returns the name that a shell finds, if the command is installed for the whole machine; `npx graft-studio` in a project that it is installed in, and
 * after npx has fetched it; `npx graft` in a checkout, if it was started so; else Node with the path of the file
 */
export function commandWords(started = thisProcess()): string[] {
  const { own, script, npmCommand, here, path } = started;
  const name = NAMES.find((each) => each === basename(script)) ?? NAMES[0];
  const found = [name, ...NAMES].find((each) => isOnPath(each, own, path));
  if (found !== undefined) return [found];
  const root = own.slice(0, own.length - SCRIPT.length - 1);
  const modules = own.lastIndexOf(MODULES);
  // A process that npx has started may start the file itself.
  const byNpx = npmCommand === 'exec' && (modules >= 0 || script !== own);
  if (byNpx) return ['npx', modules < 0 && isBelow(here, root) ? NAMES[0] : PACKAGE];
  if (modules >= 0 && isBelow(here, own.slice(0, modules))) return ['npx', PACKAGE];
  return ['node', isBelow(own, here) ? relative(here, own) : own];
}

/** Whether a shell starts our own file by this name. npm adds folders of its own to the path for a while. */
function isOnPath(name: string, own: string, path: string): boolean {
  return path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !folder.includes(join('node_modules', '.bin')))
    .some(
      (folder) =>
        realPath(join(folder, name)) === own ||
        // Where a command is no link, a small program next to the packages starts it.
        (existsSync(join(folder, `${name}.cmd`)) &&
          realPath(join(folder, 'node_modules', PACKAGE, SCRIPT)) === own),
    );
}

function realPath(path: string): string | undefined {
  return existsSync(path) ? realpathSync(path) : undefined;
}

/** Whether a path is a folder or lies inside it. */
function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(sep)[0] !== '..';
}

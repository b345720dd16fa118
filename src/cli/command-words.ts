/** How the person started the command, for command lines that they are told to run next. */
import { basename, isAbsolute, relative } from 'node:path';

/** The names of the command in package.json. */
const NAMES = ['graft', 'graft-studio'];

/** The file that `bin` of package.json names, where it is started as it lies there. */
const SCRIPT = 'graft.mjs';

/**
 * @param script the path that Node was started with
 * @param npmCommand what npm says of itself: `exec` below npx, empty where it has no part
 * @param here the folder that it was started in
 * @returns `graft`, or `npx graft`, or with the other name; `node bin/graft.mjs` where it is not installed
 */
export function commandWords(
  script = process.argv.at(1) ?? '',
  npmCommand = process.env['npm_command'] ?? '',
  here = process.cwd(),
): string[] {
  const file = basename(script);
  // Where a command is no link, npm starts the file in node_modules itself.
  const isInstalled = /[\\/]node_modules[\\/]/.test(script);
  if (file === SCRIPT && !isInstalled) {
    const near = relative(here, script);
    return ['node', near.startsWith('..') || isAbsolute(near) ? script : near];
  }
  const name = NAMES.includes(file) ? file : NAMES[0];
  if (name !== file && file !== SCRIPT) return [name];
  return npmCommand === 'exec' ? ['npx', name] : [name];
}

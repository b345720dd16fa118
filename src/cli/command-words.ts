/** How the person started the command, for command lines that they are told to run next. */
import { basename } from 'node:path';

/** The names of the command in package.json. */
const NAMES = ['graft', 'graft-studio'];

/**
 * @param script the path that Node was started with
 * @param npmCommand what npm says of itself: `exec` below npx, empty where it has no part
 * @returns `graft`, or `npx graft`, or with the other name
 */
export function commandWords(
  script = process.argv.at(1) ?? '',
  npmCommand = process.env['npm_command'] ?? '',
): string[] {
  const name = basename(script);
  if (!NAMES.includes(name)) return ['graft'];
  return npmCommand === 'exec' ? ['npx', name] : [name];
}

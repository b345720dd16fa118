/**
 * `npm run test:campaigns`: runs every campaign of this folder, each in a process of its own, or the named ones.
 *
 *     npm run test:campaigns -- fuzz --seed 7 --share 0.01
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const ENDING = '.campaign.ts';

const all = readdirSync(FOLDER)
  .filter((file) => file.endsWith(ENDING))
  .map((file) => file.slice(0, -ENDING.length));
const args = process.argv.slice(2);
const firstFlag = args.findIndex((arg) => arg.startsWith('-'));
const named = firstFlag < 0 ? args : args.slice(0, firstFlag);
const flags = firstFlag < 0 ? [] : args.slice(firstFlag);

const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`There is no campaign ${unknown.join(', ')}. There are: ${all.join(', ')}.`);
  process.exit(2);
}

const failed = (named.length > 0 ? named : all).filter((name) => {
  const { status } = spawnSync(
    process.execPath,
    ['--import', join(FOLDER, 'hooks.mjs'), join(FOLDER, `${name}${ENDING}`), ...flags],
    { stdio: 'inherit' },
  );
  return status !== 0;
});
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`);
  process.exit(1);
}

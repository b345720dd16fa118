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
const ROOT = join(FOLDER, '..', '..');
/** A program of its own, or a test that the runner gives a served page. */
const ENDING = /\.(campaign|test)\.ts$/;

const files = readdirSync(FOLDER).filter((file) => ENDING.test(file));
const all = files.map((file) => file.replace(ENDING, ''));
const args = process.argv.slice(2);
const firstFlag = args.findIndex((arg) => arg.startsWith('-'));
const named = firstFlag < 0 ? args : args.slice(0, firstFlag);
const flags = firstFlag < 0 ? [] : args.slice(firstFlag);

const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`There is no campaign ${unknown.join(', ')}. There are: ${all.join(', ')}.`);
  process.exit(2);
}

/** @returns whether it went well */
function run(name: string): boolean {
  const file = files.find((candidate) => candidate.replace(ENDING, '') === name)!;
  const [program, env] = file.endsWith('.test.ts')
    ? [
        [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'campaigns', file],
        { GRAFT_CAMPAIGN_FLAGS: JSON.stringify(flags) },
      ]
    : [['--import', join(FOLDER, 'hooks.mjs'), join(FOLDER, file), ...flags], {}];
  const options = { stdio: 'inherit', cwd: ROOT, env: { ...process.env, ...env } } as const;
  return spawnSync(process.execPath, program, options).status === 0;
}

const failed = (named.length > 0 ? named : all).filter((name) => !run(name));
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`);
  process.exit(1);
}

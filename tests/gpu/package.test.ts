/** The package as npm makes it, installed in an empty folder: everything that the command needs is in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRecipe } from '../../src/settings/recipe.ts';
import { temporaryFolder } from '../engine/graft-command.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const at = temporaryFolder();

test('packed and installed elsewhere, it trains the demo, whose answers and scores it prints', () => {
  const run = (folder: string, program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run(ROOT, 'npm', 'pack', '--silent', '--pack-destination', at());
  const [packed] = readdirSync(at());
  expect(packed).toMatch(/^graft-studio-\d+\.\d+\.\d+\.tgz$/);
  const elsewhere = at('elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'package.json'), '{}');
  run(elsewhere, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', at(packed));
  // It brings the command as one file, and a thread of it, which its own sources still fit: otherwise the first call would replace them.
  const bundles = (): string[] =>
    readdirSync(join(elsewhere, 'node_modules', 'graft-studio', '.cache', 'command'));
  const brought = bundles();
  expect(brought.map((name) => name.replace(/^[0-9a-f]+-/, ''))).toEqual(
    ['main', 'section-thread'].flatMap((name) => [`${name}.mjs`, `${name}.mjs.map`]),
  );
  expect(run(elsewhere, 'npx', 'graft', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(bundles()).toEqual(brought);
  const out = run(elsewhere, 'npx', 'graft', 'demo', '--out', 'adapter', '--device', 'cpu');
  expect(out).toMatch(/Prompt .*\n {2}Base .*\n {2}Tuned .*\n\nHeld-out loss \d/s);
  const made = (name: string): string => join(elsewhere, 'adapter', name);
  expect(existsSync(made('adapter_model.safetensors'))).toBe(true);
  const recipe = /```json\n(.+?)\n```/s.exec(readFileSync(made('README.md'), 'utf8'))?.[1];
  expect(readRecipe(recipe ?? '', 'README.md')).toMatchObject({ method: 'lora', steps: 60 });
});

/** The package as npm makes it, installed in an empty folder: everything that the command needs is in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../engine/graft-command.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const at = temporaryFolder();

test('packed and installed elsewhere, it trains the demo', () => {
  const run = (folder: string, program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run(ROOT, 'npm', 'pack', '--silent', '--pack-destination', at());
  const [packed] = readdirSync(at());
  expect(packed).toMatch(/^graft-studio-\d+\.\d+\.\d+\.tgz$/);
  const elsewhere = at('elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'package.json'), '{}');
  run(elsewhere, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', at(packed));
  // It brings the command as one file, which its own sources still fit: otherwise the first call would replace it.
  const bundles = (): string[] =>
    readdirSync(join(elsewhere, 'node_modules', 'graft-studio', '.cache', 'command'));
  const brought = bundles();
  expect(brought).toEqual([expect.stringMatching(/\.mjs$/), expect.stringMatching(/\.mjs\.map$/)]);
  expect(run(elsewhere, 'npx', 'graft', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(bundles()).toEqual(brought);
  run(elsewhere, 'npx', 'graft', 'demo', '--out', 'adapter', '--device', 'cpu');
  expect(existsSync(join(elsewhere, 'adapter', 'adapter_model.safetensors'))).toBe(true);
});

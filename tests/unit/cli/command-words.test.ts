/** Each way to install and to start the command that npm knows, as it lays out its folders. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandWords, type Started } from '../../../src/cli/command-words.ts';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
/** A package with its command, and links to it in a folder of commands. */
function install(folder: string, commands?: string): string {
  const own = at(folder, 'bin/graft.mjs');
  mkdirSync(dirname(own), { recursive: true });
  writeFileSync(own, '');
  for (const name of commands === undefined ? [] : ['graft', 'graft-studio']) {
    mkdirSync(at(commands!), { recursive: true });
    symlinkSync(own, at(commands!, name));
  }
  return own;
}
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'graft-words-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const words = (started: Partial<Started> & Pick<Started, 'own'>): string =>
  commandWords({ script: started.own, npmCommand: '', here: root, path: '', ...started }).join(' ');

test('the command is npx with the name of the package in a project that it is installed in', () => {
  const own = install('app/node_modules/graft-studio', 'app/node_modules/.bin');
  const here = at('app/data');
  // npm run and npx add the project's commands to the path.
  const path = at('app/node_modules/.bin');
  for (const name of ['graft', 'graft-studio']) {
    const script = at('app/node_modules/.bin', name);
    for (const npmCommand of ['exec', 'run', ''])
      expect(words({ own, script, npmCommand, here, path })).toBe('npx graft-studio');
  }
  expect(words({ own, here })).toBe('npx graft-studio');
  // Elsewhere npx would not find it.
  expect(words({ own, script: at('app/node_modules/.bin/graft') })).toBe(
    'node app/node_modules/graft-studio/bin/graft.mjs',
  );
});

test('the command is the same after npx has fetched it', () => {
  const own = install('.npm/_npx/1b5f/node_modules/graft-studio', '.npm/_npx/1b5f/node_modules/.bin');
  const script = at('.npm/_npx/1b5f/node_modules/.bin/graft-studio');
  expect(words({ own, script, npmCommand: 'exec', here: at('app') })).toBe('npx graft-studio');
});

test('the command is its name if it is installed for the machine', () => {
  const own = install('lib/node_modules/graft-studio', 'usr/bin');
  const path = ['/nowhere', at('usr/bin')].join(delimiter);
  expect(words({ own, script: at('usr/bin/graft'), path })).toBe('graft');
  expect(words({ own, script: at('usr/bin/graft-studio'), path })).toBe('graft-studio');
  // Windows: no links, and Node is started with the file itself.
  const shims = install('npm/node_modules/graft-studio');
  writeFileSync(at('npm/graft.cmd'), '');
  expect(words({ own: shims, path: at('npm') })).toBe('graft');
});

test('a program of the same name on the path is not taken for it', () => {
  const own = install('other/node_modules/graft-studio');
  mkdirSync(at('opt'), { recursive: true });
  writeFileSync(at('opt/graft'), '');
  expect(words({ own, here: at('other'), path: at('opt') })).toBe('npx graft-studio');
});

test('the command is npx graft if it was started so from a checkout, and else the file', () => {
  const own = install('checkout');
  const [exec, script] = ['exec', at('.npm/_npx/2c/node_modules/.bin/graft')];
  expect(words({ own, script, npmCommand: exec, here: at('checkout/docs') })).toBe('npx graft');
  expect(words({ own, here: at('checkout') })).toBe('node bin/graft.mjs');
  // Another program may run below npx, and start the file.
  expect(words({ own, npmCommand: 'exec', here: at('checkout') })).toBe('node bin/graft.mjs');
  expect(words({ own, npmCommand: 'run', here: at('checkout') })).toBe('node bin/graft.mjs');
  expect(words({ own })).toBe('node checkout/bin/graft.mjs');
  mkdirSync(at('rows'), { recursive: true });
  expect(words({ own, here: at('rows') })).toBe(`node ${own}`);
});

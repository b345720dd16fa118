import { expect, test } from 'vitest';
import { commandWords } from '../../../src/cli/command-words.ts';

test('a command line to run next begins as the last one did', () => {
  expect(commandWords('/usr/bin/graft', '')).toEqual(['graft']);
  expect(commandWords('/home/me/node_modules/.bin/graft-studio', 'exec')).toEqual(['npx', 'graft-studio']);
  expect(commandWords('/home/me/node_modules/.bin/graft', 'exec')).toEqual(['npx', 'graft']);
  // A script that npm starts without a link, and another program that calls the command.
  const installed = '/home/me/node_modules/graft-studio/bin/graft.mjs';
  expect(commandWords(installed, '')).toEqual(['graft']);
  expect(commandWords(installed, 'exec')).toEqual(['npx', 'graft']);
  expect(commandWords('/home/me/other.mjs', 'exec')).toEqual(['graft']);
});

test('from a checkout, where no graft is installed, it is the file that Node was started with', () => {
  const script = '/home/me/graft/bin/graft.mjs';
  expect(commandWords(script, '', '/home/me/graft')).toEqual(['node', 'bin/graft.mjs']);
  expect(commandWords(script, 'run-script', '/home/me/graft/bin')).toEqual(['node', 'graft.mjs']);
  expect(commandWords(script, '', '/home/me')).toEqual(['node', 'graft/bin/graft.mjs']);
  expect(commandWords(script, '', '/home/me/rows')).toEqual(['node', script]);
});

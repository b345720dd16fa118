import { expect, test } from 'vitest';
import { commandWords } from '../../../src/cli/command-words.ts';

test('a command line to run next begins as the last one did', () => {
  expect(commandWords('/usr/bin/graft', '')).toEqual(['graft']);
  expect(commandWords('/home/me/node_modules/.bin/graft-studio', 'exec')).toEqual(['npx', 'graft-studio']);
  expect(commandWords('/home/me/node_modules/.bin/graft', 'exec')).toEqual(['npx', 'graft']);
  // Started by a script of npm, or by Node itself.
  expect(commandWords('/home/me/graft/bin/graft.mjs', 'run')).toEqual(['graft']);
  expect(commandWords('/home/me/graft/bin/graft.mjs', 'exec')).toEqual(['graft']);
});

/** The filter of the command palette. */
import { expect, test } from 'vitest';
import { matchingEntries, score } from '../../../src/app/palette/match.ts';

const COMMANDS = [
  'Go to Task',
  'Go to Train',
  'Start training',
  'Open project “Tickets”',
  'Open a file',
  'Theme: dark',
  'Export captain 1',
];
const found = (asked: string): string[] => matchingEntries(asked, COMMANDS, (text) => text);

test.each([
  ['train', 'Go to Train'],
  ['strt', 'Start training'],
  ['dark', 'Theme: dark'],
  ['of', 'Open a file'],
  ['opt', 'Open project “Tickets”'],
  ['EXPORT', 'Export captain 1'],
  ['td', 'Theme: dark'],
])('%s finds %s first', (asked, first) => {
  expect(found(asked)[0]).toBe(first);
});

test('all letters have to occur, in order; an empty query keeps everything in order', () => {
  expect(score('xq', 'Export')).toBeUndefined();
  expect(score('tropxe', 'Export')).toBeUndefined();
  expect(found('')).toEqual(COMMANDS);
  expect(found('no such thing')).toEqual([]);
});

test('spaces between what is typed do not matter', () => {
  expect(found('go train')[0]).toBe('Go to Train');
});

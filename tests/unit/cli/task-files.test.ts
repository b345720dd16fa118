/** Files of `--data`: one, or one for each task. */
import { expect, it, test } from 'vitest';
import { readTasks, tasksInPlaces } from '../../../src/cli/task-files.ts';
import { graftError } from '../expect-graft-error.ts';

const read = (text: string, ...files: readonly string[]): ReturnType<typeof readTasks> =>
  readTasks(text, (path) => files.includes(path));

test.each([
  ['rows.jsonl', [{ name: 'rows', path: 'rows.jsonl' }]],
  [
    'a/A.jsonl:0.7,B.csv:0.3',
    [
      { name: 'A', path: 'a/A.jsonl', share: 0.7 },
      { name: 'B', path: 'B.csv', share: 0.3 },
    ],
  ],
  [
    'A.jsonl,B.jsonl',
    [
      { name: 'A', path: 'A.jsonl' },
      { name: 'B', path: 'B.jsonl' },
    ],
  ],
  [
    'sums=A.jsonl:2,B.jsonl:1',
    [
      { name: 'sums', path: 'A.jsonl', share: 2 },
      { name: 'B', path: 'B.jsonl', share: 1 },
    ],
  ],
  // Files of one name are told apart by their folders, or else by their paths.
  [
    'x/train.jsonl,y/train.jsonl',
    [
      { name: 'x', path: 'x/train.jsonl' },
      { name: 'y', path: 'y/train.jsonl' },
    ],
  ],
  [
    'x/t.jsonl,x/t.csv',
    [
      { name: 'x/t.jsonl', path: 'x/t.jsonl' },
      { name: 'x/t.csv', path: 'x/t.csv' },
    ],
  ],
  [
    'a\\,b.jsonl,c.jsonl',
    [
      { name: 'a,b', path: 'a,b.jsonl' },
      { name: 'c', path: 'c.jsonl' },
    ],
  ],
  [
    'C:\\rows.jsonl:0.5,b.jsonl:0.5',
    [
      { name: 'C:\\rows', path: 'C:\\rows.jsonl', share: 0.5 },
      { name: 'b', path: 'b.jsonl', share: 0.5 },
    ],
  ],
])('%s', (text, tasks) => {
  expect(read(text)).toEqual(tasks);
});

it('treats an existing path as a file, whatever its name contains', () => {
  expect(read('a.jsonl:0.7,b.jsonl:0.3', 'a.jsonl:0.7,b.jsonl:0.3')).toEqual([
    { name: 'a.jsonl:0.7,b.jsonl:0', path: 'a.jsonl:0.7,b.jsonl:0.3' },
  ]);
  expect(read('a.jsonl:0.7,b.jsonl', 'a.jsonl:0.7')).toEqual([
    { name: 'a.jsonl:0', path: 'a.jsonl:0.7' },
    { name: 'b', path: 'b.jsonl' },
  ]);
  expect(read('x=a.jsonl', 'x=a.jsonl')).toEqual([{ name: 'x=a', path: 'x=a.jsonl' }]);
});

test.each([
  'a.jsonl:0.7,b.jsonl',
  'a.jsonl:0,b.jsonl:1',
  'a.jsonl:much,b.jsonl:1',
  't=a.jsonl,t=b.jsonl',
  'a.jsonl,',
])('refuses %s', async (text) => {
  await graftError(() => read(text), 'arguments');
});

it('uses the first file as the rows, and the others as more rows', () => {
  const tasks = tasksInPlaces(read('A.jsonl:0.7,B.jsonl:0.2,C.jsonl:0.1'));
  expect(tasks.map(({ file }) => file)).toEqual([0, 2, 3]);
});

/** `--template`: instruction rows of a file's columns. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFlags, readReadOptions } from '../../../src/cli/row-flags.ts';
import { Flags } from '../../../src/cli/flags.ts';
import { phrasingsOf } from '../../../src/data/phrasings.ts';
import type { Mapping } from '../../../src/data/mapping.ts';

let folder = '';
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-template-'));
  await writeFile(path('reviews.csv'), 'review,stars\nGood.,5\nBad.,1\n');
  await writeFile(path('rows.jsonl'), '{"a": "x", "b": "y", "c": "z"}\n');
  await writeFile(
    path('own.json'),
    '{"prompts": ["Stars of [review]?", "[review] How many?"], "answer": "stars"}',
  );
});
afterAll(() => rm(folder, { recursive: true }));

const mapping = (file: string, ...args: string[]): Mapping | undefined =>
  readReadOptions(new Flags(dataFlags, ['--data', path(file), ...args])).mapping;
const phrasings = (file: string, ...args: string[]) =>
  phrasingsOf((mapping(file, ...args) as { prompt: string }).prompt);

test('columns are found by their names, and places can be assigned', () => {
  expect(mapping('reviews.csv', '--template', 'rate')).toMatchObject({ answer: '{{stars}}' });
  expect(phrasings('reviews.csv', '--template', 'rate').templates[0]).toContain('from 1 to 5');
  const said = ['--template', 'translate:text=a,translation=b,to=German\\, formal,seed=7'];
  expect(phrasings('rows.jsonl', ...said).seed).toBe(7);
  expect(phrasings('rows.jsonl', ...said).templates[0]).toBe('Translate into German, formal:\n{{a}}');
});

test('a file has phrasings of a person', () => {
  expect(mapping('reviews.csv', '--template', path('own.json'))).toEqual({
    prompt: 'Stars of {{review}}?\n{{or}}\n{{review}} How many?',
    answer: '{{stars}}',
  });
});

test.each([
  [['--template', 'rat'], /no template "rat"\. Did you mean rate\?/],
  [
    ['--template', 'summarise'],
    /which column is “text” is not clear.*a, b, c.*--template summarise:text=COLUMN/,
  ],
  [['--template', 'rate:review=a,stars=b'], /has "stars=b".*its places are review, rating, most, seed/],
  [['--template', 'rate:review=a,rating=x'], /no column “x”/],
  [['--template', 'rate:review=a,rating=b,seed=-1'], /seed of --template/],
  [['--template', 'missing.json'], /missing\.json cannot be read/],
  [
    ['--template', 'rate', '--prompt-template', '{{a}}', '--answer-template', '{{b}}'],
    /Leave one of them out/,
  ],
])('%j is refused', (args, message) => {
  expect(() => mapping('rows.jsonl', ...args)).toThrow(message);
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../../src/worker/api');

/** The methods that the interfaces named …Api declare, with the file of each. */
function methods(): { name: string; file: string }[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    return [...text.matchAll(/^export interface \w+Api \{\n(.*?)^\}/gms)].flatMap(([, body]) =>
      [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => ({ name, file })),
    );
  });
}

test('no two topics of the worker have a method of one name: the later would stand for both', () => {
  const all = methods();
  expect(all.length).toBeGreaterThan(60);
  const twice = all.filter(({ name }, i) => all.findIndex((other) => other.name === name) !== i);
  expect(twice).toEqual([]);
});

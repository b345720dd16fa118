import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NAMES, nameOfTerm } from '../../../src/app/guide/names.ts';
import { CHAPTERS, matches } from '../../../src/app/guide/terms.ts';
import { GROUPS } from '../../../src/app/train/fields.ts';

const terms = CHAPTERS.flatMap((chapter) => chapter.terms);

test('every word has one entry, with a source, in whole sentences', () => {
  expect(terms.map(({ id }) => id).sort()).toEqual(Object.keys(NAMES).sort());
  for (const { what, more, less, start, source } of terms) {
    expect(source).not.toBe('');
    for (const text of [what, more, less, start]) if (text !== undefined) expect(text).toMatch(/[.:]$/);
  }
});

test('every setting of a run has its entry', () => {
  for (const { name, term } of GROUPS.flatMap(({ fields, advanced }) => [...fields, ...advanced]))
    expect(term?.id, name).toSatisfy((id: string) => Object.hasOwn(NAMES, id));
});

test('every help in the page leads to an entry', () => {
  const app = join(import.meta.dirname, '../../../src/app');
  const files = readdirSync(app, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.svelte'),
  );
  const named = files.flatMap((file) =>
    [...readFileSync(join(app, file), 'utf8').matchAll(/<Help term="([^"]+)"/g)].map(([, id]) => id),
  );
  expect(named.length).toBeGreaterThan(5);
  for (const id of named) expect(Object.hasOwn(NAMES, id), id).toBe(true);
});

test.each([
  ['lr', 'lr'],
  ['overfit', 'overfitting'],
  ['LoRA+', 'rate-ratio'],
  ['q_proj', 'targets'],
  ['early stopping', 'patience'],
  ['fine tuning', 'fine-tuning'],
])('looking for %s finds %s', (wanted, id) => {
  expect(terms.filter((term) => matches(term, nameOfTerm(term.id), wanted)).map((term) => term.id)).toContain(
    id,
  );
});

import { expect, test } from 'vitest';
import { filePattern } from '../../../src/retrieval/file-pattern.ts';

test.each([
  ['notes/a.md', 'notes/a.md', true],
  ['a.md', 'notes/a.md', true],
  ['a.md', 'notes/ba.md', false],
  ['a.md', 'a-md', false],
  ['notes', 'notes/deep/a.md', true],
  ['notes/', 'notes/a.md', true],
  ['notes', 'notes2/a.md', false],
  ['*.md', 'notes/a.md', true],
  ['notes/*.md', 'notes/deep/a.md', false],
  ['notes/**/*.md', 'notes/deep/a.md', true],
  ['notes/**/*.md', 'notes/a.md', true],
  ['**', 'notes/a.md', true],
  ['?.md', 'a.md', true],
  ['?.md', '😀.md', true],
  ['?.md', 'ab.md', false],
  ['a(1).[md]', 'a(1).[md]', true],
])('compares %s with %s', (pattern, file, fits) => {
  expect(filePattern(pattern)(file)).toBe(fits);
});

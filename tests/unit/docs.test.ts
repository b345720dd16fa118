/** Links of the documentation lead to files that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'tests/reference/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test.each(pages)('%s links to files that exist', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
    ([, link, picture]) => link ?? picture,
  );
  const missing = links
    .filter((link) => !/^[a-z]+:/.test(link) && !link.startsWith('#'))
    .filter((link) => !existsSync(join(ROOT, dirname(page), link.split('#')[0])));
  expect(missing).toEqual([]);
});

test('the README links to every page of the documentation', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const isLinked = (page: string): boolean => readme.includes(`(${page})`) || readme.includes(`[${page}]`);
  const listed = pages.filter((page) => page.startsWith('docs/'));
  expect(listed.filter((page) => !isLinked(page))).toEqual([]);
});

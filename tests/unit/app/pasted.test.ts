/** Pasted text as a document. */
import { expect, test } from 'vitest';
import { kindOfPasted, pastedFile } from '../../../src/app/documents/pasted.ts';
import { readDocumentText } from '../../../src/retrieval/read-document.ts';

test.each([
  ['<p>Peas</p>', 'html'],
  ['\n<!DOCTYPE html><title>Peas</title>', 'html'],
  ['<h1 class="big">Peas</h1>', 'html'],
  ['Peas <b>climb</b>', 'txt'],
  ['<3 peas', 'txt'],
  ['# Peas', 'txt'],
])('takes %j for %s', (text, kind) => {
  expect(kindOfPasted(text)).toBe(kind);
});

test.each([
  ['prices', 'txt', 'prices.txt'],
  ['prices.txt', 'txt', 'prices.txt'],
  ['prices 2.0', 'md', 'prices 2.0.md'],
  ['page.HTM', 'html', 'page.HTM'],
  [' notes/May ', 'md', 'notes-May.md'],
  ['.hidden', 'txt', 'hidden.txt'],
] as const)('gives %j, read as %s, the name %s', (name, kind, path) => {
  expect(pastedFile(name, kind, 'x').path).toBe(path);
});

test('reads pasted HTML as a page: its text, without its marks', async () => {
  const { path, file } = pastedFile('prices', 'html', '<h2>Prices</h2><script>x</script><p>Two coins.</p>');
  const { text } = await readDocumentText(path, new Uint8Array(await file.arrayBuffer()), () =>
    Promise.reject(new Error('HTML has no character maps')),
  );
  expect(text.trim()).toBe('Prices\n\nTwo coins.');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { docxText } from '../../../src/retrieval/docx-text.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const body = (...parts: string[]): string =>
  `<?xml version="1.0"?><w:document><w:body>${parts.join('\n  ')}</w:body></w:document>`;
const run = (text: string): string => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`;
const paragraph = (text: string, style = ''): string =>
  `<w:p>${style && `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>`}${run(text)}</w:p>`;
const STYLES = '<w:styles><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>';

test('parts paragraphs, joins runs, and knows headings by the names of their styles', () => {
  const { text, headings } = docxText(
    body(
      paragraph('Beans &amp; peas', 'berschrift1'),
      `<w:p>${run('Sow ')}${run('them &lt;early&gt;')}<w:r><w:br/><w:t>now</w:t></w:r></w:p>`,
    ),
    STYLES,
  );
  expect(text).toBe('Beans & peas\n\nSow them <early>\nnow\n');
  expect(headings.map(({ start, end }) => text.slice(start, end))).toEqual(['Beans & peas']);
});

test('writes a table row by row, cells apart by a space', () => {
  const row = (...cells: string[]): string =>
    `<w:tr>${cells.map((cell) => `<w:tc>${paragraph(cell)}</w:tc>`).join('')}</w:tr>`;
  const table = `<w:tbl>${row('a', 'b')}${row('c', 'd')}</w:tbl>`;
  expect(docxText(body(paragraph('Before'), table, paragraph('After'))).text).toBe(
    'Before\n\na b\nc d\n\nAfter\n',
  );
});

test('leaves out deleted text, field codes and the second form of a drawing', () => {
  const parts = [
    '<w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del>',
    '<w:r><w:instrText>PAGE</w:instrText></w:r>',
    `<mc:AlternateContent><mc:Choice>${run('box')}</mc:Choice><mc:Fallback>${run('box')}</mc:Fallback></mc:AlternateContent>`,
    '<w:ins><w:r><w:t> added</w:t></w:r></w:ins>',
  ];
  expect(docxText(body(`<w:p>${parts.join('')}</w:p>`)).text).toBe('box added\n');
});

test('replaces no entity of its own, and refuses elements that are nested without end', async () => {
  const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>';
  expect(docxText(bomb + body(paragraph('&b;x'))).text).toBe('&b;x\n');
  await graftError(() => docxText('<w:p>'.repeat(5000)), 'document-depth');
});

test('fuzzed files end in a text or a GraftError', async () => {
  const part = fc.constantFrom(
    '<w:p>',
    '</w:p>',
    '<w:tc>',
    '</w:tc>',
    '</w:tr>',
    '<w:del>',
    '<w:t>x',
    '</w:t>',
    '<',
    '&#x;',
    '"',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part), (parts) =>
      resultOrGraftError(() => docxText(parts.join(''))).then(() => undefined),
    ),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvRows } from '../../../src/data/csv.ts';
import { readExamples, type ReadOptions, type ReadResult } from '../../../src/data/formats.ts';
import { mainTable, tabbed, tablesOfHtml } from '../../../src/data/html-table.ts';
import { kindOfPaste, textOfClip } from '../../../src/data/paste.ts';
import { inspectHead } from '../../../src/data/sheet.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (page: Uint8Array | string, options: Partial<ReadOptions> = {}): ReadResult =>
  readExamples(typeof page === 'string' ? bytes(page) : page, { fileName: 'page.html', ...options });
const rowsOf = (html: string): readonly (readonly string[])[] | undefined =>
  mainTable(tablesOfHtml(html))?.rows;
const answers = ({ examples }: ReadResult): unknown[] =>
  examples.map((example) =>
    example.kind === 'completion' ? [example.line, example.prompt, example.completion] : [],
  );

const PAGE = `<!doctype html><title>Goats &amp; sheep</title><body><table id=menu><tr><td>Home<td>About</table>
<table><caption>Facts</caption><thead><tr><th>prompt<th>completion</thead>
<tbody><tr><td>What does the <b>goat</b> eat?<td>Grass.<br>And hay.
<tr><td>And the sheep &lt;3?</td><td><p>Clover.</p><p>Not&nbsp;hay.</p><script>alert(1)</script></td></tr></table>`;

describe('tables of a web page', () => {
  it('become rows, the largest of them, with the columns that its header names', () => {
    const result = read(PAGE);
    expect(answers(result)).toEqual([
      [2, 'What does the goat eat?', 'Grass.\nAnd hay.'],
      [3, 'And the sheep <3?', 'Clover.\n\nNot hay.'],
    ]);
    expect(result.numbering).toBe('row');
    expect(result.left).toEqual([]);
  });

  it('names other tables that are not read', () => {
    const other = '<table><tr><td>a<td>b<tr><td>c<td>d</table>';
    expect(read(PAGE + other).left).toEqual([{ name: 'table 3', rows: 2 }]);
  });

  it('repeats a cell in all rows and columns that it spans', () => {
    expect(
      rowsOf(`<table><tr><th rowspan=2>place<th colspan=2>answers<tr><th>good<th>bad
        <tr><td rowspan="2">shop<td>a<td>b<tr><td>c<td>d</table>`),
    ).toEqual([
      ['place', 'answers', 'answers'],
      ['place', 'good', 'bad'],
      ['shop', 'a', 'b'],
      ['shop', 'c', 'd'],
    ]);
  });

  it('keeps what a table inside of a cell says in a table of its own', () => {
    expect(rowsOf('<table><tr><td>out<table><tr><td>1<td>2<tr><td>3<td>4</table>side</table>')).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
  });

  it('is read in the encoding that it declares', () => {
    const page =
      '<meta charset="windows-1252"><table><tr><td>prompt<td>completion<tr><td>caf\u00e9<td>na\u00efve</table>';
    const latin = Uint8Array.from(page, (char) => char.charCodeAt(0));
    expect(answers(read(latin))).toEqual([[2, 'café', 'naïve']]);
    expect(inspectHead(latin, 'page.htm', {})?.rows[0].row).toEqual({ prompt: 'café', completion: 'naïve' });
  });

  it('is known by its content if a program calls it a spreadsheet', () => {
    expect(answers(read(PAGE, { fileName: 'export.xls' }))).toHaveLength(2);
    expect(read('<table> is a tag', { fileName: 'notes.txt' }).examples[0].kind).toBe('text');
  });

  it('asks which column is what, and takes the word of a person for its header', async () => {
    const page = '<table><tr><td>hot<td>cold<tr><td>day<td>night</table>';
    await graftError(() => read(page), 'data-columns');
    expect(inspectHead(bytes(page), 'x.html', { header: false })).toMatchObject({
      kind: 'table',
      header: false,
      columns: ['column 1', 'column 2'],
      suggestion: { prompt: '{{column 1}}', answer: '{{column 2}}' },
    });
    const mapping = { prompt: '{{column 1}}', answer: '{{column 2}}' };
    expect(answers(read(page, { header: false, mapping }))).toEqual([
      [1, 'hot', 'cold'],
      [2, 'day', 'night'],
    ]);
  });

  it('is refused without a table, and with a table of spans that fill memory', async () => {
    await graftError(() => read('<p>Nothing here.</p>'), 'data-no-table');
    const bomb = `<table>${'<tr><td rowspan=65534 colspan=1000>x'.repeat(300)}</table>`;
    await graftError(() => read(bomb), 'data-many-columns');
  });

  it('gives rows of one width, or an error, for any HTML', async () => {
    const tag = fc.constantFrom(
      ...'<table> </table> <tr> </tr> <td> <th> </td> <tbody> <thead> <br> <pre> </pre> <p> </p> <td colspan=3> <td rowspan=2> <script> </script> <!-- --> <![CDATA[ &amp; &#0; &bad; < > " <td colspan=-1> <td rowspan=99999999999999>'.split(
        ' ',
      ),
    );
    const html = fc
      .array(fc.oneof({ weight: 3, arbitrary: tag }, fc.string({ unit: 'binary', maxLength: 8 })), {
        maxLength: 60,
      })
      .map((pieces) => pieces.join(''));
    const seen = { result: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(html, async (page) => {
        for (const { rows } of tablesOfHtml(page)) {
          const widths = new Set(rows.map((row) => row.length));
          expect(widths.size).toBe(1);
          expect(rows.every((row) => row.some((cell) => cell !== ''))).toBe(true);
        }
        seen[await resultOrGraftError(() => read(page, { mapping: { text: 'x' } }))]++;
      }),
      { numRuns: 300 },
    );
    expect(seen.error).toBeGreaterThan(30);
  });
});

describe('a clipboard', () => {
  it('becomes text with tabs that says the same as the spreadsheet or the web page', async () => {
    const cells = fc.array(
      fc.array(
        fc.string({ unit: 'grapheme-ascii' }).map((text) => text.replaceAll(/\s+/g, ' ').trim()),
        { minLength: 2, maxLength: 2 },
      ),
      { minLength: 1, maxLength: 5 },
    );
    const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    await fc.assert(
      fc.asyncProperty(cells, async (rows) => {
        const html = `<table>${rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`).join('')}</table>`;
        const text = await textOfClip({ text: 'plain', html });
        const filled = rows.filter((row) => row.some((cell) => cell !== ''));
        if (filled.length === 0) expect(text).toBe('plain');
        else expect([...csvRows(text, '\t')].map((row) => row.cells)).toEqual(filled);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps line ends, tabs and quotes inside of a cell', () => {
    const rows = [
      ['a "b"', 'one\ntwo'],
      ['tab\there', 'c'],
    ];
    expect([...csvRows(tabbed(rows), '\t')].map(({ cells }) => cells)).toEqual(rows);
  });

  it('with plain text, or a single cell, stays as it is', async () => {
    expect(await textOfClip({ text: 'a\tb', html: '' })).toBe('a\tb');
    expect(await textOfClip({ text: 'one', html: '<table><tr><td>one</table>' })).toBe('one');
    expect(await textOfClip({ text: 'one', html: '<b>one</b>' })).toBe('one');
  });

  it('with the source of a table is recognised', () => {
    expect(kindOfPaste('\n<table><tr><td>a<td>b</table>')).toBe('html');
    expect(kindOfPaste('<b>bold</b> words\nand more')).toBe('txt');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunksOf } from '../../../src/retrieval/chunks.ts';
import { markdownHeadings, sectionStarts } from '../../../src/retrieval/headings.ts';
import { htmlText } from '../../../src/retrieval/html-text.ts';

const headingsIn = (text: string): string[] =>
  markdownHeadings(text).map(({ start, end }) => text.slice(start, end));

describe('headings of Markdown', () => {
  test('are lines with # and lines that are underlined', () => {
    expect(
      headingsIn('# One\r\ntext\n## Two ##\n\nThree\n=====\nmore\n\nFour\n---\n#five\n ###### Six'),
    ).toEqual([...['# One', '## Two ##', 'Three\n=====', 'Four\n---', ' ###### Six']]);
  });

  test('are not in fenced code, and not items, tables or rules', () => {
    const text =
      '```sh\n# comment\n```\n~~~~\n# x\n~~~\n# y\n~~~~\n- item\n---\n| a |\n---\n\n---\n    # code\n';
    expect(headingsIn(text)).toEqual([]);
  });
});

describe('headings of HTML', () => {
  test('stand where the text has them', () => {
    const { text, headings } = htmlText(
      '<nav><h2>Menu</h2></nav><p>Before</p><h1> A <b>b</b> </h1><h2></h2><p>c\ufdd0<h3>D</h3>e',
    );
    expect(text).toBe('Before\n\nA b\n\nc\n\nD\n\ne\n');
    expect(headings.map(({ start, end }) => text.slice(start, end))).toEqual(['A b', 'D']);
  });

  test('change no character of the text', () => {
    const part = fc.constantFrom('<h1>', '</h1>', '<h3>', '</h3>', '<p>', 'word', ' ', '\n', '<br>', '<td>');
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        // Elements that are parted like headings and are none.
        const plain = parts.map((tag) => tag.replace('h1', 'section').replace('h3', 'article'));
        const { text, headings } = htmlText(parts.join(''));
        expect(text).toBe(htmlText(plain.join('')).text);
        for (const { start, end } of headings)
          expect(text.slice(start, end).trim()).toBe(text.slice(start, end));
      }),
    );
  });
});

test('a heading that directly follows another one begins no section', () => {
  const text = '# A\n\n## B\ntext\n## C\nmore';
  expect(sectionStarts(text, markdownHeadings(text))).toEqual([0, text.indexOf('## C')]);
});

test('no chunk spans a border, and chunks keep their places in the whole text', () => {
  const text = 'One two. Three.\n# Four\nFive six. Seven.';
  const border = text.indexOf('#');
  const chunks = chunksOf(text, () => 1, { tokens: 200, overlap: 40 }, [border]);
  expect(chunks.map((chunk) => chunk.text)).toEqual(['One two. Three.', '# Four\nFive six. Seven.']);
  for (const { start, end, text: own } of chunks) expect(text.slice(start, end)).toBe(own);
});

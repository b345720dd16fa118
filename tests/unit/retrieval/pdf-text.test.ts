import { expect, test } from 'vitest';
import { pdfText } from '../../../src/retrieval/pdf-text.ts';
import { graftError } from '../expect-graft-error.ts';
import { tinyPdf } from './tiny-pdf.ts';

test('reads lines and paragraphs, and says where each page starts', async () => {
  const { text, pages } = await pdfText(tinyPdf([['One', 'two (2).', '', 'Three'], ['Four']]), 'a.pdf');
  expect(text).toBe('One\ntwo (2).\n\nThree\nFour\n');
  expect(pages.map((start) => text.slice(start).split('\n')[0])).toEqual(['One', 'Four']);
});

test('leaves out running heads and page numbers, and keeps the same words elsewhere', async () => {
  const words = ['one', 'two', 'three'];
  const page = (n: number): string[] => [
    'The Guide',
    `Page ${n}`,
    '',
    'Text',
    'The Guide',
    words[n - 1],
    `${n}`,
  ];
  const { text } = await pdfText(tinyPdf([page(1), page(2), page(3)]), 'a.pdf');
  expect(text).toBe(words.map((word) => `Text\nThe Guide\n${word}\n`).join(''));
});

test('names a file that is not a PDF', async () => {
  for (const content of ['', 'hello', '%PDF-1.4\n']) {
    const { what } = await graftError(
      () => pdfText(new TextEncoder().encode(content), 'b.pdf'),
      'pdf-damaged',
    );
    expect(what).toMatch(/^b\.pdf cannot be read as a PDF: .*[^.]\.$/);
  }
});

test('gives a text or names the file if bytes of a PDF are damaged', async () => {
  const whole = tinyPdf([['One', 'two'], ['Three']]);
  for (let at = 0; at < whole.length; at += 37) {
    const damaged = whole.slice();
    damaged[at] ^= 0x55;
    const result = await pdfText(damaged, 'c.pdf').then(
      ({ text }) => typeof text,
      (error: { code?: string }) => error.code,
    );
    expect(['string', 'pdf-damaged']).toContain(result);
  }
});

import { expect, test } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { characterMaps } from '../../../src/retrieval/character-maps.ts';
import { pdfText } from '../../../src/retrieval/pdf-text.ts';
import { MAPS } from '../../character-maps.ts';
import { graftError } from '../expect-graft-error.ts';
import { namedFontPdf, standardFontPdf, tinyPdf } from './tiny-pdf.ts';

test('reads lines and paragraphs, and says where each page starts', async () => {
  const { text, pages } = await pdfText(tinyPdf([['One', 'two (2).', '', 'Three'], ['Four']]), 'a.pdf', MAPS);
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
  const { text } = await pdfText(tinyPdf([page(1), page(2), page(3)]), 'a.pdf', MAPS);
  expect(text).toBe(words.map((word) => `Text\nThe Guide\n${word}\n`).join(''));
});

test('names a file that is not a PDF', async () => {
  for (const content of ['', 'hello', '%PDF-1.4\n']) {
    const { what } = await graftError(
      () => pdfText(new TextEncoder().encode(content), 'b.pdf', MAPS),
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
    const result = await pdfText(damaged, 'c.pdf', MAPS).then(
      ({ text }) => typeof text,
      (error: { code?: string }) => error.code,
    );
    expect(['string', 'pdf-damaged']).toContain(result);
  }
});

test.for([
  ['Japanese', '90ms-RKSJ-H', 'Japan1', 'shift_jis', '8eed82f082dc82ad8142'],
  ['simplified Chinese', 'GBK-EUC-H', 'GB1', 'gbk', 'b6b9d4dacee5d4c2b2a5d6d6a1a3'],
  ['traditional Chinese', 'ETen-B5-H', 'CNS1', 'big5', 'a8a7a662a4ada4ebbcbdbad8a143'],
  ['Korean', 'KSCms-UHC-H', 'Korea1', 'euc-kr', 'c4e1c0babfc0bff9bfa1'],
] as const)('reads %s in a font that the PDF only names', async ([, encoding, ordering, charset, codes]) => {
  const { text } = await pdfText(namedFontPdf(encoding, ordering, [codes]), 'named.pdf', MAPS);
  expect(text.trim()).toBe(new TextDecoder(charset).decode(Buffer.from(codes, 'hex')));
});

test('says that a character map is not there, and reads the next document once it is', async () => {
  const missing = new GraftError('worker-fetch', 'The maps could not be fetched.', 'Reload the page.');
  let asked = 0;
  const maps = characterMaps(() => Promise.reject((asked++, missing)));
  const named = namedFontPdf('90ms-RKSJ-H', 'Japan1', ['8eed']);
  for (const times of [1, 2]) {
    await graftError(() => pdfText(named, 'named.pdf', maps), 'worker-fetch');
    expect(asked).toBe(times);
  }
  expect((await pdfText(tinyPdf([['One']]), 'a.pdf', maps)).text).toBe('One\n');
  expect(asked).toBe(2);
});

test('reads the standard fonts without their shapes', async () => {
  for (const [font, codes, expected] of [
    ['Times-Roman', '48e974e9', 'Hété'],
    ['Courier', '4869', 'Hi'],
    ['Symbol', '616267', 'αβγ'],
  ])
    expect((await pdfText(standardFontPdf(font, codes), 's.pdf', MAPS)).text, font).toBe(`${expected}\n`);
});

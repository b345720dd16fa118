/** Text documents in the encodings that people have: bytes as programs write them. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDocumentText, type DocumentText } from '../../../src/retrieval/read-document.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const read = (bytes: Uint8Array, name = 'notes.txt'): Promise<DocumentText> =>
  readDocumentText(name, new Uint8Array(bytes), () => Promise.reject(new Error('no PDF')));
const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const utf16 = (text: string, mark: boolean): Uint8Array =>
  Uint8Array.from(Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le'));

/** What Windows-1252 has between ASCII and Latin-1. */
const UPPER: Readonly<Record<string, number>> = {
  ...{ '€': 0x80, '‚': 0x82, ƒ: 0x83, '„': 0x84, '…': 0x85, '†': 0x86, '‡': 0x87, ˆ: 0x88, '‰': 0x89 },
  ...{ Š: 0x8a, '‹': 0x8b, Œ: 0x8c, Ž: 0x8e, '‘': 0x91, '’': 0x92, '“': 0x93, '”': 0x94, '•': 0x95 },
  ...{ '–': 0x96, '—': 0x97, '˜': 0x98, '™': 0x99, š: 0x9a, '›': 0x9b, œ: 0x9c, ž: 0x9e, Ÿ: 0x9f },
};
const windows1252 = (text: string): Uint8Array =>
  Uint8Array.from(text, (char) => UPPER[char] ?? char.charCodeAt(0));

describe('a text', () => {
  it('is read as Windows-1252 if it is not UTF-8 and looks like it, and says so', async () => {
    const words = 'The bed costs 5 € – “sow” in the café’s garden…\r\n\tNaïve œuvre, Žižkov™.\n';
    expect(await read(windows1252(words))).toEqual({ text: words, guessed: 'windows-1252' });
    const german = '# Gr\xfcn\n\nM\xf6hren m\xf6gen Sand.\n';
    expect(await read(latin1(german), 'g.md')).toMatchObject({
      ...{ text: german, guessed: 'windows-1252' },
      headings: [{ start: 0, end: 6 }],
    });
  });

  it('is read as UTF-8 and UTF-16 as before, and nothing is guessed', async () => {
    const words = 'Größe: 5 €, 日本 и 🫘\n';
    const utf8 = new TextEncoder().encode(words);
    for (const bytes of [utf8, Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8), utf16(words, true)])
      expect(await read(bytes)).toEqual({ text: words });
    expect(await read(utf16('Plain words', false))).toEqual({ text: 'Plain words' });
    const bigEndian = Uint8Array.from(Buffer.from(utf16(words, true)).swap16());
    expect(await read(bigEndian)).toEqual({ text: words });
  });

  it('is refused by its name in an encoding that does not show', async () => {
    const others = {
      'windows-1251': hex('cff0e8e2e5f22c20ece8f02120cffff2fc2ee8'),
      'shift-jis': hex('8eed82f082dc82ad8142'),
      'euc-kr': hex('bec8b3e7c7cfbcbcbfe4'),
      // UTF-8 with a byte that was lost.
      damaged: Uint8Array.of(...new TextEncoder().encode('Größe, Maße, Füße und mehr'), 0xc3),
      'odd UTF-16': Uint8Array.of(0xff, 0xfe, 0x41, 0, 0x42),
    };
    for (const [name, bytes] of Object.entries(others)) {
      const { what } = await graftError(() => read(bytes, `${name}.txt`), 'data-encoding');
      expect(what).toContain(`${name}.txt`);
    }
  });

  it('is no binary file, wherever that stops to look like text', async () => {
    const start = 'A head of a file that looks like text for a long while. '.repeat(20);
    const late = [
      Uint8Array.of(...latin1(start), 0xff, 0, 1, 2),
      Uint8Array.of(...latin1(start), 0xe9, 0x1b, 0x5b, 0x32, 0x4a),
      Uint8Array.of(...latin1(start), 0xe9, 0x81),
    ];
    for (const bytes of late)
      expect((await graftError(() => read(bytes, 'x.md'), 'data-encoding')).what).toMatch(/^x\.md/);
    const early = [
      hex('ffd8ffe000104a46494600010101'),
      hex('89504e470d0a1a0a0000000d49484452'),
      Uint8Array.from(gzipSync(start)),
    ];
    for (const bytes of early)
      expect((await graftError(() => read(bytes, 'x.md'), 'data-binary')).what).toMatch(/^x\.md/);
  });
});

describe('a web page', () => {
  const body = '<p>Gr\xfcn\x93';
  it('is read in the encoding of its mark, then in the one that it declares, then in one that it looks like', async () => {
    const textOf = async (bytes: Uint8Array): Promise<object> => {
      const { text, guessed } = await read(bytes, 'page.html');
      return guessed ? { text, guessed } : { text };
    };
    expect(await textOf(latin1(`<meta charset="iso-8859-1">${body}`))).toEqual({ text: 'Grün“\n' });
    const declared = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">';
    expect(await textOf(Uint8Array.of(...latin1(`${declared}<p>`), ...hex('cce8f0')))).toEqual({
      text: 'Мир\n',
    });
    expect(
      await textOf(Uint8Array.of(...latin1('<meta charset=shift_jis><p>'), ...hex('8eed82f082dc82ad8142'))),
    ).toEqual({ text: '種をまく。\n' });
    const xhtml = '<?xml version="1.0" encoding="ISO-8859-15"?><html><body><p>5 \xa4';
    expect(await textOf(latin1(xhtml))).toEqual({ text: '5 €\n' });
    expect(await textOf(latin1(`<title>Gr\xfcn</title>${body}`))).toEqual({
      ...{ text: 'Grün“\n', guessed: 'windows-1252' },
    });
    const utf8 = new TextEncoder().encode('<meta charset="iso-8859-1"><p>Grün');
    expect(await textOf(Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8))).toEqual({ text: 'Grün\n' });
    expect(await textOf(utf16('<meta charset="iso-8859-1"><p>Grün', true))).toEqual({ text: 'Grün\n' });
    // Its words are in ASCII, so they are no UTF-16.
    expect(await textOf(new TextEncoder().encode('<meta charset="utf-16"><p>Grün'))).toEqual({
      text: 'Grün\n',
    });
  });
});

describe('bytes of any kind', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcdefg hijk\n') });
  const others = fc.constantFrom(...Object.keys(UPPER), ...'äöüßéèêëçñÄÖÜ¿¡«»°±½');

  it('in Windows-1252 give the text that was written', async () => {
    const text = fc
      .array(fc.tuple(letters, others), { minLength: 1, maxLength: 30 })
      .map((parts) => `The words of a page ${parts.flat().join('')}. `.repeat(3));
    await fc.assert(
      fc.asyncProperty(text, async (words) => {
        fc.pre((words.match(/[a-z]/gi) ?? []).length >= (words.match(/[^\0-\x7f]/g) ?? []).length);
        expect(await read(windows1252(words))).toEqual({ text: words, guessed: 'windows-1252' });
      }),
    );
  });

  it('give a text without broken characters, or an error that names the file', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
      fc
        .tuple(letters, fc.uint8Array({ maxLength: 3 }), letters)
        .map(([a, middle, b]) => Uint8Array.of(...latin1(a), ...middle, ...latin1(b))),
    );
    const ends = { result: 0, error: 0 };
    const name = fc.constantFrom('a.txt', 'a.md', 'a.html');
    await fc.assert(
      fc.asyncProperty(bytes, name, async (content, file) => {
        const ended = await resultOrGraftError(async () => {
          const { text, guessed } = await read(content, file);
          if (guessed) expect(text).not.toMatch(/[\ufffd\x80-\x9f]/);
        });
        ends[ended]++;
      }),
    );
    expect(Math.min(...Object.values(ends))).toBeGreaterThan(10);
  });
});

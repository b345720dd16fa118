/** A PDF of lines of text, written by hand. */
import { deflateSync } from 'node:zlib';

/** Points between lines, and above a line that begins a paragraph. */
const [LINE, PARAGRAPH] = [14, 28];

/** A font that is in no PDF: every viewer has Helvetica. */
const HELVETICA = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';
/** As a string of a PDF, in the codes of its font. */
const literal = (line: string): string => `(${line.replaceAll(/[\\()]/g, '\\$&')})`;

/** @param pages lines of each page from the top on; an empty line parts paragraphs */
export const tinyPdf = (pages: readonly (readonly string[])[]): Uint8Array<ArrayBuffer> =>
  pdfOf(HELVETICA, pages, literal);

/** A line in one of the fonts that every viewer has. @param codes in hexadecimal */
export const standardFontPdf = (name: string, codes: string): Uint8Array<ArrayBuffer> =>
  pdfOf(
    `<< /Type /Font /Subtype /Type1 /BaseFont /${name}${name === 'Symbol' ? '' : ' /Encoding /WinAnsiEncoding'} >>`,
    [[codes]],
    (line) => `<${line}>`,
  );

/**
 * A page in a font that the PDF only names, as East Asian ones do: what its codes mean is in a character map elsewhere.
 *
 * @param encoding the name of the map
 * @param ordering the collection of characters: Japan1, GB1, CNS1, Korea1
 * @param lines codes in hexadecimal
 */
export function namedFontPdf(
  encoding: string,
  ordering: string,
  lines: readonly string[],
): Uint8Array<ArrayBuffer> {
  const descriptor =
    '<< /Type /FontDescriptor /FontName /Song /Flags 4 /FontBBox [0 -120 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /StemV 80 >>';
  const characters = `<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Song /CIDSystemInfo << /Registry (Adobe) /Ordering (${ordering}) /Supplement 2 >> /DW 1000 /FontDescriptor ${descriptor} >>`;
  return pdfOf(
    `<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /${encoding} /DescendantFonts [${characters}] >>`,
    [lines],
    (codes) => `<${codes}>`,
  );
}

function pdfOf(
  font: string,
  pages: readonly (readonly string[])[],
  stringOf: (line: string) => string,
): Uint8Array<ArrayBuffer> {
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ');
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    font,
    ...pages.flatMap((lines, i) => {
      const content = contentOf(lines, stringOf);
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents ${5 + 2 * i} 0 R /Resources << /Font << /F 3 0 R >> >> >>`,
        `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ];
    }),
  ];
  return fileOf(objects);
}

/** A page that draws a form, which draws another one ten times, and so on: a thousand million letters in the end. */
export function endlessPdf(): Uint8Array<ArrayBuffer> {
  const LEVELS = 10;
  const stream = (facts: string, content: string): string =>
    `<< ${facts} /Length ${content.length} >>\nstream\n${content}\nendstream`;
  const draws = (form: number): string => `/Resources << /XObject << /X ${form} 0 R >> >>`;
  const forms = Array.from({ length: LEVELS }, (_, level) => {
    const last = level === LEVELS - 1;
    const own = last ? `/Resources << /Font << /F ${HELVETICA} >> >>` : draws(6 + level);
    const facts = `/Type /XObject /Subtype /Form /BBox [0 0 9 9] ${own}`;
    return stream(facts, last ? 'BT /F 9 Tf (x) Tj ET' : '/X Do '.repeat(10));
  });
  return fileOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R ${draws(5)} >>`,
    stream('', '/X Do '),
    ...forms,
  ]);
}

/**
 * A page whose content of spaces was packed several times.
 *
 * @param size bytes of the content
 */
export function packedPdf(size: number, times: number): Uint8Array<ArrayBuffer> {
  let packed: Uint8Array = Buffer.alloc(size, ' ');
  for (let time = 0; time < times; time++) packed = deflateSync(packed);
  // Strings of this file have ASCII only.
  const content = `${Buffer.from(packed).toString('hex')}>`;
  const filters = ['/ASCIIHexDecode', ...Array<string>(times).fill('/FlateDecode')].join(' ');
  return fileOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>',
    `<< /Filter [${filters}] /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]);
}

function fileOf(objects: readonly string[]): Uint8Array<ArrayBuffer> {
  let file = '%PDF-1.4\n';
  const places = objects.map((object, i) => {
    const place = file.length;
    file += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(place).padStart(10, '0')} 00000 n \n`;
  });
  const table = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return new TextEncoder().encode(file);
}

function contentOf(lines: readonly string[], stringOf: (line: string) => string): string {
  let y = 760;
  const shown: string[] = [];
  for (const line of lines) {
    y -= line === '' ? PARAGRAPH - LINE : LINE;
    if (line !== '') shown.push(`1 0 0 1 50 ${y} Tm ${stringOf(line)} Tj`);
  }
  return `BT /F 12 Tf ${shown.join(' ')} ET`;
}

/** A PDF of lines of text, written by hand. */

/** Points between lines, and above a line that begins a paragraph. */
const [LINE, PARAGRAPH] = [14, 28];

/** @param pages lines of each page from the top on; an empty line parts paragraphs */
export function tinyPdf(pages: readonly (readonly string[])[]): Uint8Array<ArrayBuffer> {
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ');
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...pages.flatMap((lines, i) => {
      const content = contentOf(lines);
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents ${5 + 2 * i} 0 R /Resources << /Font << /F 3 0 R >> >> >>`,
        `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ];
    }),
  ];
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

function contentOf(lines: readonly string[]): string {
  let y = 760;
  const shown: string[] = [];
  for (const line of lines) {
    y -= line === '' ? PARAGRAPH - LINE : LINE;
    if (line !== '') shown.push(`1 0 0 1 50 ${y} Tm (${line.replaceAll(/[\\()]/g, '\\$&')}) Tj`);
  }
  return `BT /F 12 Tf ${shown.join(' ')} ET`;
}

// @ts-check
/**
 * Packs the character maps of pdf.js into public/pdf/character-maps.zip: from the codes of a Chinese, Japanese or Korean font that a PDF only names to its
 * characters. They are Adobe's, in pdf.js's own compact form. The same package gives the same bytes.
 *
 *   npm pack pdfjs-dist@5.6.205 && tar xzf pdfjs-dist-5.6.205.tgz && node scripts/character-maps.mjs package
 */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { root } from './machine.mjs';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: node scripts/character-maps.mjs FOLDER_OF_PDFJS_DIST');
const from = join(folder, 'cmaps');
const files = Object.fromEntries(
  readdirSync(from)
    .sort()
    .map((name) => [name, new Uint8Array(readFileSync(join(from, name)))]),
);
// The first day that a zip can hold, at any place on earth.
const zip = zipSync(files, { level: 9, mtime: new Date(1980, 0, 2) });
const to = join(root, 'public', 'pdf');
writeFileSync(join(to, 'character-maps.zip'), zip);
copyFileSync(join(from, 'LICENSE'), join(to, 'LICENSE'));
console.log(`${Object.keys(files).length} files, ${zip.length} bytes`);

/** The bundled model and rows of a bundled data set: tests of whole runs need nothing from outside the checkout. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { folder } from '../../src/cli/files.ts';
import { readExamples } from '../../src/data/formats.ts';
import { prepareRows, type PreparedRow } from '../../src/data/prepare.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import type { FileSet } from '../../src/weights/bytes.ts';

export const SPRIG = fileURLToPath(new URL('../../public/models/sprig', import.meta.url));

export function sprigFolder(): FileSet {
  return folder(SPRIG);
}

/** The first rows of public/samples/voice/train.jsonl, of 20 to 60 tokens. */
export function voiceRows(tokenizer: Tokenizer, count: number): PreparedRow[] {
  const path = new URL('../../public/samples/voice/train.jsonl', import.meta.url);
  const { examples } = readExamples(readFileSync(path), { fileName: 'train.jsonl' });
  return prepareRows(examples.slice(0, count), tokenizer, { maxLength: 96 }).rows;
}

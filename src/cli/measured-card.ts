/** The card of a folder with the table of its evaluation: what `graft push` sends and `graft export` takes along. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { measuredSection } from '../evaluate/measured-section.ts';
import { EVALUATION_FILE, readEvaluation } from '../evaluate/record-file.ts';
import { withSection } from '../export/model-card.ts';
import { decodeUtf8 } from '../json.ts';
import { readInput } from './files.ts';

const CARD = 'README.md';

/**
 * @param evaluation the file of a record; that of the folder if left out
 * @returns undefined without a card or a record
 * @throws GraftError `file-missing`, `evaluation-file`, `evaluation-newer`
 */
export async function measuredCard(folder: string, evaluation?: string): Promise<string | undefined> {
  const [path, own] = [evaluation ?? join(folder, EVALUATION_FILE), join(folder, CARD)];
  if ((evaluation === undefined && !existsSync(path)) || !existsSync(own)) return undefined;
  const text = async (file: string): Promise<string> => decodeUtf8(await readInput(file), file);
  return withSection(await text(own), measuredSection(readEvaluation(await text(path), path)));
}

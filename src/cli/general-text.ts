/** `--forgetting` and `--general`: the general text whose loss is measured, and its measurement. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PreparedRow } from '../data/prepare.ts';
import { decodeFile } from '../data/encoding.ts';
import { generalRows, generalTextOf } from '../evaluate/general.ts';
import { readWhole } from './files.ts';
import type { FlagSpec } from './flags.ts';
import { requiredTokenizer, type LoadedModel } from './session.ts';

export const TEXTS = fileURLToPath(new URL('../../public/texts', import.meta.url));
/** What the flag means without a file. */
export const BUNDLED_TEXT = 'bundled';

export const generalFlag = (help: string): FlagSpec & { value: string } => ({
  value: 'FILE',
  bare: BUNDLED_TEXT,
  help: `${help}; without a file on the bundled text that suits the model (public/texts)`,
});

/** @param path as the flag gives it. @throws GraftError of reading it */
export async function readGeneral(
  path: string,
  { model, files }: Pick<LoadedModel, 'model' | 'files'>,
): Promise<PreparedRow[]> {
  const { shape } = model.definition;
  const name = path === BUNDLED_TEXT ? join(TEXTS, generalTextOf(shape)) : path;
  const text = decodeFile(await readWhole(name), name);
  return generalRows(text, await requiredTokenizer(files), shape.maxPositions);
}

/** `--forgetting` and `--general`: the general text whose loss is measured, and its measurement. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Adapter } from '../adapters/adapter.ts';
import type { PreparedRow } from '../data/prepare.ts';
import { decodeFile } from '../data/encoding.ts';
import { generalRows, generalTextOf } from '../evaluate/general.ts';
import { evaluateLoss } from '../evaluate/loss.ts';
import { readWhole } from './files.ts';
import type { FlagSpec } from './flags.ts';
import type { Output } from './output.ts';
import { requiredTokenizer, type Session } from './session.ts';

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
  { model, files }: Pick<Session, 'model' | 'files'>,
): Promise<PreparedRow[]> {
  const { shape } = model.definition;
  const name = path === BUNDLED_TEXT ? join(TEXTS, generalTextOf(shape)) : path;
  const text = decodeFile(await readWhole(name), name);
  return generalRows(text, await requiredTokenizer(files), shape.maxPositions);
}

/** The loss on it, in nats for each token. */
export async function generalLoss(
  { model }: Pick<Session, 'model'>,
  rows: readonly PreparedRow[],
  adapter: Adapter | undefined,
  output: Output,
): Promise<number> {
  const { loss } = await evaluateLoss(model, rows, adapter, (done) =>
    output.progress(`General text: loss of ${done} of ${rows.length} rows`),
  );
  output.clear();
  return loss;
}

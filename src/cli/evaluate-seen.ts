/** Whether the training of an adapter saw the measured rows: the lineage.json in its folder names its rows, which are read and split again. */
import { resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import type { Seen } from '../evaluate/record.ts';
import { countSeen } from '../evaluate/seen.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { evaluateFlags } from './evaluate-flags.ts';
import { Flags } from './flags.ts';
import { lineOf, rowFlagsOf, type StageOfCall } from './lineage.ts';
import type { Output } from './output.ts';
import { openRows, type PlacedRow, type RowLimits } from './open-rows.ts';
import { readAskedRows, type AskedRows } from './row-flags.ts';

/** The rows of an evaluation, and how they were made. */
export interface MeasuredRows {
  readonly files: AskedRows;
  readonly keepsColumns: boolean;
  readonly limits: RowLimits;
  readonly tokenizer: Tokenizer;
  /** Those of the part. */
  readonly measured: readonly PlacedRow[];
  readonly asked: readonly PlacedRow[];
}

/** The notes about these rows were printed when they were trained on. */
const SILENT: Output = {
  line: () => undefined,
  progress: () => undefined,
  result: () => undefined,
  clear: () => undefined,
};

/**
 * Which of the measured rows an adapter or a tuned model was trained on, in its own run and in the runs before it.
 *
 * @param folder of the adapter or the tuned model
 * @param own its tokenizer, which may have new tokens
 * @returns `folder` without a lineage.json, and `rows` if a stage or its rows are gone, changed, or cut differently
 */
export async function seenByFolder(folder: string, own: Tokenizer, of: MeasuredRows): Promise<Seen> {
  const { limits, measured, asked, files, tokenizer } = of;
  const line = await ifReadable(() => lineOf(folder));
  if (!line) return 'folder';
  // The rows of a stage that is gone are not known.
  if (line[0].parent !== undefined) return 'rows';
  const train: PlacedRow[] = [];
  for (const [at, stage] of line.entries()) {
    const rows = await ifReadable(() => trainRows(stage, of));
    if (!rows) return 'rows';
    // Another cut gives a document other rows, which cannot be matched.
    const isCutElsewhere = rows.maxLength !== limits.maxLength || own !== tokenizer;
    if (isCutElsewhere && [...measured, ...rows.train].some(({ example }) => !example)) return 'rows';
    // Lines of other files are other rows.
    const sameFiles = filesOf(rows.files) === filesOf(files);
    for (const row of rows.train) train.push(sameFiles ? row : { ...row, file: -1 - at });
  }
  return countSeen(train, measured, asked, true);
}

/** The training rows of a stage; undefined if there are not as many of them as its run had. */
async function trainRows(
  stage: StageOfCall,
  { keepsColumns, limits, tokenizer }: MeasuredRows,
): Promise<{ train: PlacedRow[]; files: AskedRows; maxLength: number } | undefined> {
  const flags = new Flags(evaluateFlags, rowFlagsOf(stage));
  const files = readAskedRows(flags, 0);
  const maxLength = flags.integer('max-length', 2) ?? limits.maxLength;
  const { placed } = await openRows(files, tokenizer, { ...limits, maxLength }, SILENT, { keepsColumns });
  const train = placed.filter(({ fate }) => fate === 'train');
  return train.length === stage.trainRows ? { train, files, maxLength } : undefined;
}

const filesOf = ({ file, test, more }: AskedRows): string =>
  JSON.stringify([file, test ?? '', ...more].map((path) => resolve(path)));

/** Undefined if files are missing or say something else now; that is not a failure of the evaluation. */
async function ifReadable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    return undefined;
  }
}

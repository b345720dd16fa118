/** Whether the training of an adapter saw the measured rows: the lineage.json in its folder names its rows, which are read and split again. */
import { resolve } from 'node:path';
import { GraftError } from '../errors.ts';
import type { Seen } from '../evaluate/record.ts';
import { countSeen, isPart, SeenRows } from '../evaluate/seen.ts';
import { isHeld, itemsOf, type List } from '../lists.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { evaluateFlags } from './evaluate-flags.ts';
import { Flags } from './flags.ts';
import { lineOf, rowFlagsOf, type StageOfCall } from './lineage.ts';
import type { Output } from './output.ts';
import { openRows, type RowLimits } from './open-rows.ts';
import { rowsWith, type PlacedRow } from './placed-rows.ts';
import { readAskedRows, type AskedRows } from './row-flags.ts';

/** The rows of an evaluation, and how they were made. */
export interface MeasuredRows {
  readonly files: AskedRows;
  readonly limits: RowLimits;
  readonly tokenizer: Tokenizer;
  /** All rows of the evaluation, if they were read as for training: a stage may have the same split. */
  readonly all: List<PlacedRow> | undefined;
  /** Those of the part. */
  readonly measured: List<PlacedRow>;
  readonly asked: readonly PlacedRow[];
}

/** The notes about these rows were printed when they were trained on. */
const SILENT: Output = {
  line: () => undefined,
  progress: () => undefined,
  result: () => undefined,
  clear: () => undefined,
};

/** The training rows of a stage, and how many there are. */
interface StageRows {
  readonly seen: SeenRows;
  readonly count: number;
  readonly maxLength: number;
}

/** The rows that adapters and tuned models were trained on. Those that several share are read once, and none is held. */
export class TrainedRows {
  readonly #known = new Map<string, Promise<StageRows | undefined>>();
  readonly #hasParts: boolean;

  constructor(private readonly of: MeasuredRows) {
    const { measured } = of;
    this.#hasParts = isHeld(measured) && measured.some(isPart);
  }

  /**
   * Which of the measured rows an adapter or a tuned model was trained on, in its own run and in the runs before it.
   *
   * @param folder of the adapter or the tuned model
   * @param own its tokenizer, which may have new tokens
   * @returns `folder` without a lineage.json, and `rows` if a stage or its rows are gone, changed, or cut differently
   */
  async seenBy(folder: string, own: Tokenizer): Promise<Seen> {
    const { limits, measured, asked, tokenizer } = this.of;
    const line = await ifReadable(() => lineOf(folder));
    if (!line) return 'folder';
    // The rows of a stage that is gone are not known.
    if (line[0].parent !== undefined) return 'rows';
    const seen: SeenRows[] = [];
    for (const stage of line) {
      const rows = await ifReadable(() => this.#rowsOf(stage));
      if (rows?.count !== stage.trainRows) return 'rows';
      // Another cut gives a document other rows, which cannot be matched.
      const isCutElsewhere = rows.maxLength !== limits.maxLength || own !== tokenizer;
      if (isCutElsewhere && (this.#hasParts || rows.seen.hasParts)) return 'rows';
      seen.push(rows.seen);
    }
    return countSeen(seen, measured, asked);
  }

  /** @throws GraftError if the rows cannot be read, or are described in a way that is not known here */
  #rowsOf(stage: StageOfCall): Promise<StageRows | undefined> {
    const flags = new Flags(evaluateFlags, rowFlagsOf(stage));
    const files = readAskedRows(flags, 0);
    const maxLength = flags.integer('max-length', 2) ?? this.of.limits.maxLength;
    const key = keyOf(files, maxLength);
    let known = this.#known.get(key);
    if (!known) this.#known.set(key, (known = this.#read(files, maxLength, key)));
    return known;
  }

  async #read(files: AskedRows, maxLength: number, key: string): Promise<StageRows> {
    const { all, limits, tokenizer } = this.of;
    const isOwn = all !== undefined && key === keyOf(this.of.files, limits.maxLength);
    const how = { keepsColumns: true, mayTake: true };
    const rows = isOwn ? all : (await openRows(files, tokenizer, { ...limits, maxLength }, SILENT, how)).all;
    const train = rowsWith(rows, (fate) => fate === 'train');
    const seen = new SeenRows();
    // Lines of other files are other rows.
    const sameFile = filesOf(files) === filesOf(this.of.files);
    for (const row of itemsOf(train)) seen.add(row, sameFile);
    return { seen, count: train.length, maxLength };
  }
}

/** Equal for rows that are read, cut and split alike. */
const keyOf = ({ options, ...files }: AskedRows, maxLength: number): string =>
  JSON.stringify([filesOf(files), files.changes ?? '', Object.entries(options).sort(), maxLength]);

const filesOf = ({ file, test, more }: Omit<AskedRows, 'options'>): string =>
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

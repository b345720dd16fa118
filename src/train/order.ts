/** Which rows a step takes. A function of seed and step alone, so that a resumed run takes the same rows without a stored cursor. */
import type { LabelledTokens } from '../model/batch.ts';
import { Random } from '../random.ts';
import type { TrainOptions } from './options.ts';

export class RowOrder {
  readonly #epochs = new Map<number, number[]>();

  constructor(
    private readonly count: number,
    private readonly options: Pick<TrainOptions, 'seed' | 'shuffle' | 'batch' | 'accumulate'>,
  ) {}

  /**
   * Indices of the rows of a step: consecutive ones of an endless row of epochs, each epoch in its own order (or in the order of the
   * file without shuffling).
   *
   * @param step counts from 0
   */
  rowsOf(step: number): number[] {
    const perStep = this.options.batch * this.options.accumulate;
    return Array.from({ length: perStep }, (_, i) => {
      const position = step * perStep + i;
      const epoch = Math.floor(position / this.count);
      return this.#epoch(epoch)[position % this.count];
    });
  }

  #epoch(epoch: number): number[] {
    let order = this.#epochs.get(epoch);
    if (!order) {
      order = Array.from({ length: this.count }, (_, i) => i);
      if (this.options.shuffle) new Random(this.options.seed + epoch * 7_919).shuffle(order);
      // A step reaches over at most a few epochs; older ones are not needed again.
      if (this.#epochs.size > 8) this.#epochs.clear();
      this.#epochs.set(epoch, order);
    }
    return order;
  }
}

/**
 * Rows that a validation measures at most. Each is paid for at every validation, and before the first step: ten thousand of them would take
 * longer than many a run, and a mean over these is already sure to a few hundredths.
 */
export const MOST_VALIDATION_ROWS = 512;

/** The rows that are measured, spread evenly over those that are held out for it. */
export function validationRows<Row>(rows: readonly Row[]): readonly Row[] {
  const { length } = rows;
  if (length <= MOST_VALIDATION_ROWS) return rows;
  return Array.from(
    { length: MOST_VALIDATION_ROWS },
    (_, i) => rows[Math.floor((i * length) / MOST_VALIDATION_ROWS)],
  );
}

/**
 * Divides the rows of a step into micro-batches: `batch` rows each, or with packing as many as fit into batch · maxLength tokens of each of a row's sequences.
 */
export function microBatches<Row extends LabelledTokens>(
  rows: readonly Row[],
  { batch, maxLength, packing }: Pick<TrainOptions, 'batch' | 'maxLength' | 'packing'>,
): Row[][] {
  const groups: Row[][] = [];
  let tokens = 0;
  for (const row of rows) {
    const group = groups.at(-1);
    const room = batch * maxLength * (1 + (row.starts?.length ?? 0));
    const full = packing ? tokens + row.ids.length > room : group?.length === batch;
    if (!group || full) {
      groups.push([row]);
      tokens = row.ids.length;
    } else {
      group.push(row);
      tokens += row.ids.length;
    }
  }
  return groups;
}

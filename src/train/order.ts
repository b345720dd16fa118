/** Which rows a step takes. A function of seed and step alone, so that a resumed run takes the same rows without a stored cursor. */
import { spread, type List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { Random } from '../random.ts';
import { byTask, placesByTask } from './tasks.ts';
import type { RunSpec } from '../settings/spec.ts';

type OrderOptions = Pick<RunSpec, 'seed' | 'shuffle' | 'batch' | 'accumulate'>;

/** Draws of tasks from one seed, in blocks: a late step needs the number of draws before it. */
const BLOCK = 1024;
/** Different salts for the seeds of blocks, tasks and epochs. */
const [BLOCK_SEED, TASK_SEED, EPOCH_SEED] = [15_485_863, 104_729, 7_919];

/** The rows of each step of a run, by their indices. */
export class RowOrder {
  /** Indices of the rows, task by task; one list without a mixture. */
  readonly #tasks: readonly Uint32Array[];
  /** The task of a draw is the first whose bound is above it. */
  readonly #bounds: readonly number[];
  /** Rows of each task that were drawn before each block. */
  readonly #before: number[][];
  #block: { readonly index: number; readonly draws: Uint8Array } | undefined;
  readonly #epochs = new Map<string, Uint32Array>();

  constructor(
    rows: List<LabelledTokens>,
    private readonly options: OrderOptions,
  ) {
    const tasks = placesByTask(rows);
    this.#tasks = tasks.map(({ places }) =>
      places instanceof Uint32Array ? places : Uint32Array.from(places),
    );
    let sum = 0;
    this.#bounds = tasks.map(({ share }) => (sum += share));
    this.#before = [tasks.map(() => 0)];
  }

  /**
   * Indices of the rows of a step. A task's rows come from an endless sequence of epochs, each in its own order (or in the order of the file without
   * shuffling), so no row repeats before all of its task were taken. In a mixture, the task of each row is drawn by the shares, and a step keeps the
   * rows of one task together.
   *
   * @param step counts from 0
   */
  rowsOf(step: number): number[] {
    const perStep = this.options.batch * this.options.accumulate;
    const first = step * perStep;
    if (this.#tasks.length === 1) return Array.from({ length: perStep }, (_, i) => this.#rowOf(0, first + i));
    const taken = this.#takenBefore(first);
    const rows = this.#tasks.map((): number[] => []);
    for (let position = first; position < first + perStep; position++) {
      const task = this.#taskAt(position);
      rows[task].push(this.#rowOf(task, taken[task]++));
    }
    return rows.flat();
  }

  /** The k-th row taken of a task. */
  #rowOf(task: number, k: number): number {
    const { length } = this.#tasks[task];
    return this.#epoch(task, Math.floor(k / length))[k % length];
  }

  #epoch(task: number, epoch: number): Uint32Array {
    const key = `${task} ${epoch}`;
    let order = this.#epochs.get(key);
    if (!order) {
      const places = this.#tasks[task].slice();
      const { seed, shuffle } = this.options;
      order = shuffle ? new Random(seed + epoch * EPOCH_SEED + task * TASK_SEED).shuffle(places) : places;
      // A step covers at most a few epochs of a task; older ones are not needed again.
      if (this.#epochs.size > 8 * this.#tasks.length) this.#epochs.clear();
      this.#epochs.set(key, order);
    }
    return order;
  }

  #taskAt(position: number): number {
    return this.#draws(Math.floor(position / BLOCK))[position % BLOCK];
  }

  /** Rows of each task that are drawn before a position. */
  #takenBefore(position: number): number[] {
    const block = Math.floor(position / BLOCK);
    for (let known = this.#before.length - 1; known < block; known++)
      this.#before.push(this.#counted(this.#before[known], this.#draws(known)));
    return this.#counted(this.#before[block], this.#draws(block).subarray(0, position % BLOCK));
  }

  #counted(before: readonly number[], draws: Uint8Array): number[] {
    const counts = [...before];
    for (const task of draws) counts[task]++;
    return counts;
  }

  #draws(index: number): Uint8Array {
    if (this.#block?.index !== index) {
      const random = new Random(this.options.seed + (index + 1) * BLOCK_SEED);
      const last = this.#bounds.length - 1;
      const draws = Uint8Array.from({ length: BLOCK }, () => {
        const number = random.float();
        const task = this.#bounds.findIndex((bound) => number < bound);
        // Shares are rounded: their sum may fall short of 1.
        return task < 0 ? last : task;
      });
      this.#block = { index, draws };
    }
    return this.#block.draws;
  }
}

/**
 * Rows that a validation measures at most. Each costs time at every validation and before the first step: ten thousand would take longer than many a
 * run, and a mean over these is already precise to a few hundredths.
 */
export const MAX_VALIDATION_ROWS = 512;

/** The measured rows, spread evenly over the validation part. */
export function validationRows<Row>(rows: List<Row>): readonly Row[] {
  return spread(rows, MAX_VALIDATION_ROWS);
}

/**
 * Divides the rows of a step into micro-batches: `batch` rows each, or with packing as many as fit into batch · maxLength tokens of each of a row's
 * sequences. In a mixture, each micro-batch has rows of one task, and the tasks follow one another, so that each has its loss.
 */
export function microBatches<Row extends LabelledTokens>(
  rows: readonly Row[],
  { batch, maxLength, packing }: Pick<RunSpec, 'batch' | 'maxLength' | 'packing'>,
): Row[][] {
  const groups: Row[][] = [];
  let tokens = 0;
  for (const row of byTask(rows)) {
    const group = groups.at(-1);
    const room = batch * maxLength * (1 + (row.starts?.length ?? 0));
    const full = packing ? tokens + row.ids.length > room : group?.length === batch;
    if (!group || full || group[0].task?.name !== row.task?.name) {
      groups.push([row]);
      tokens = row.ids.length;
    } else {
      group.push(row);
      tokens += row.ids.length;
    }
  }
  return groups;
}

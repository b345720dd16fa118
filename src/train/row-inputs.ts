/**
 * The inputs that the rows of a run give to the layers of its base, for an adapter whose initial values depend on them. Rows go through the base once
 * each, in the micro-batches of the run, and the inputs of layers are added up to their covariance:
 *
 *   G += (X − m)ᵀ · (X − m)      s += Σ rows of X − m       X [R, C], the tokens that count      m [C] the mean of the first batch
 *
 * Around m, the sums have the size of the variance, which f32 can represent. Σ (x − mean)(x − mean)ᵀ is G − s · sᵀ / n.
 */
import type { Covariances, RowInputs } from '../adapters/kind.ts';
import type { Device } from '../engine/device.ts';
import { copy } from '../engine/ops/add.ts';
import { columnSumInto } from '../engine/ops/column_sum.ts';
import { gatherRows, NO_ROW } from '../engine/ops/gather_rows.ts';
import { linear } from '../engine/ops/linear.ts';
import { matmul } from '../engine/ops/matmul.ts';
import { rowNormInto } from '../engine/ops/row_norm.ts';
import { ParameterStore } from '../engine/parameters.ts';
import type { Plan } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { itemOf, type List } from '../lists.ts';
import {
  batchTensors,
  sizeOfRows,
  writeBatch,
  type BatchTensors,
  type Bucket,
  type LabelledTokens,
} from '../model/batch.ts';
import type { AdapterHooks } from '../model/graph.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { microBatches, RowOrder } from './order.ts';
import { countSteps, type RunSpec } from '../settings/spec.ts';

/** The rows that a run takes, each once, in micro-batches in its order. @throws GraftError `train-option` as `countSteps` */
export function rowBatches<Row extends LabelledTokens>(rows: List<Row>, options: RunSpec): Row[][] {
  const order = new RowOrder(rows, options);
  const steps = countSteps(options, rows.length);
  const taken = new Set<number>();
  const batches: Row[][] = [];
  for (let step = 0; step < steps && taken.size < rows.length; step++) {
    const fresh = [...new Set(order.rowsOf(step))].filter((row) => !taken.has(row));
    for (const row of fresh) taken.add(row);
    batches.push(
      ...microBatches(
        fresh.map((row) => itemOf(rows, row)),
        options,
      ),
    );
  }
  return batches;
}

/** The size of a batch: `rows` is the number of tokens that count or of those with a loss, whichever is larger. */
export function sizeOfInputs(rows: readonly LabelledTokens[], readsPrompts: boolean): Bucket {
  const { tokens, rows: predicted } = sizeOfRows(rows);
  const counted = rows.reduce((sum, row) => sum + countedTokens(row, readsPrompts).length, 0);
  return { tokens, rows: Math.max(predicted, counted) };
}

/** The tokens of a row that count: those with a label. A prompt for sampling has none, so all of it counts. */
function countedTokens({ ids, labels }: LabelledTokens, readsPrompts: boolean): number[] {
  const all = Array.from({ length: ids.length }, (_, t) => t);
  const labelled = readsPrompts ? [] : all.filter((t) => labels[t] >= 0);
  return labelled.length > 0 ? labelled : all;
}

interface RowInputsRequest {
  readonly model: LanguageModel;
  readonly batches: readonly (readonly LabelledTokens[])[];
  /** Sizes so that each batch fits one, in ascending order. */
  readonly buckets: readonly Bucket[];
  readonly readsPrompts: boolean;
}

/** What covariances take at once. Rows are read again for those of further inputs. */
const MAX_BYTES = 256 * 2 ** 20;
/** Columns of a tensor that only needs one: the fewest that products allow. */
const COLUMNS = 4;

/**
 * What an adapter can measure in the rows of a run: the inputs of the model's linear layers. Nothing is compiled or allocated before `measure`.
 */
export function rowInputs(request: RowInputsRequest): RowInputs {
  const { model, batches } = request;
  const inputs = sharedInputs(model);
  return {
    device: model.device,
    inputs,
    batches: batches.length,
    mostBytes: MAX_BYTES,
    measure: async (places) => {
      const sums = new Sums(
        request,
        places.map((place) => inputs[place]),
      );
      try {
        await sums.compile();
      } catch (error) {
        sums.destroy();
        throw error;
      }
      return sums;
    },
  };
}

/** The inputs of linear layers, each with the layers that read it, in the order of the forward. */
function sharedInputs(model: LanguageModel): { paths: string[]; width: number }[] {
  const found = new Map<Tensor, { paths: string[]; width: number }>();
  const tape = new Tape(model.device);
  const inputs = batchTensors(tape, { tokens: COLUMNS, rows: COLUMNS }, model.batchOptions);
  model.forward(tape, inputs, {
    adapter: listening((path, x) => {
      const input = found.get(x);
      if (input) input.paths.push(path);
      else found.set(x, { paths: [path], width: x.columns });
    }),
  });
  return [...found.values()];
}

/** The unchanged base, with a listener for the inputs of its layers. */
function listening(hear: (path: string, x: Tensor, tape: Tape) => void): AdapterHooks {
  return {
    linear:
      (path) =>
      (tape, x, { weight, ...layer }) => {
        hear(path, x, tape);
        return linear(tape, x, weight, layer);
      },
    weight: () => undefined,
    vocabulary: 0,
    head: (_, weight) => weight,
    embed: () => undefined,
  };
}

/** A plan that adds one batch. */
interface Reading extends Bucket {
  readonly plan: Plan;
  readonly inputs: BatchTensors;
  /** u32 [R]: the tokens that count. */
  readonly counted: Tensor;
  /** f32 [R, 4]: 1 in the first column for each of them. */
  readonly ones: Tensor;
}

class Sums implements Covariances {
  tokens = 0;
  readonly #device: Device;
  /** G of each input, in shards if it is large. */
  readonly #squares: ParameterStore;
  /** For each input: s, m, the squared lengths of rows, and s / √n once it is needed. */
  readonly #small: ParameterStore;
  readonly #readings: Reading[] = [];
  /** Sums of the first batch alone, for its mean. */
  #first: Reading | undefined;
  #done = 0;

  constructor(
    private readonly request: RowInputsRequest,
    private readonly inputs: readonly { readonly paths: readonly string[]; readonly width: number }[],
  ) {
    const { device } = request.model;
    this.#device = device;
    this.#squares = new ParameterStore(
      device,
      inputs.map(({ width }, at) => ({ name: `squares ${at}`, shape: [width, width] })),
      false,
      true,
    );
    this.#small = new ParameterStore(
      device,
      inputs.flatMap(({ width }, at) => [
        { name: `sum ${at}`, shape: [width] },
        { name: `mean ${at}`, shape: [COLUMNS, width] },
        { name: `lengths ${at}`, shape: [COLUMNS, COLUMNS] },
        { name: `less ${at}`, shape: [width, COLUMNS] },
      ]),
      false,
    );
  }

  async compile(): Promise<void> {
    const { buckets } = this.request;
    // The largest first, so that the smaller ones find their memory in the pool.
    for (const bucket of [...buckets].reverse()) this.#readings.unshift(await this.#record(bucket, false));
    this.#first = await this.#record(buckets[buckets.length - 1], true);
  }

  async read(batches: number, report: (done: number) => void): Promise<void> {
    const { batches: all, readsPrompts } = this.request;
    while (this.#done < batches) {
      report(this.#done);
      const batch = all[this.#done];
      if (this.#done === 0) await this.#findMean(batch);
      const reading = holding(this.#readings, sizeOfInputs(batch, readsPrompts));
      this.tokens += this.#write(reading, batch);
      reading.plan.run();
      await this.#device.settle();
      this.#done++;
    }
    report(this.#done);
  }

  async sums(): Promise<{ matrix: Tensor; less: Tensor; trace: number }[]> {
    const n = Math.max(1, this.tokens);
    const small = this.#done === 0 ? undefined : await this.#small.read();
    return this.inputs.map(({ width }, at) => {
      const less = new Float32Array(width * COLUMNS);
      let trace = 0;
      if (small) {
        const lengths = small.get(`lengths ${at}`)!;
        for (let i = 0; i < COLUMNS; i++) trace += lengths[i * COLUMNS + i];
        small.get(`sum ${at}`)!.forEach((value, c) => {
          less[c * COLUMNS] = value / Math.sqrt(n);
          trace -= less[c * COLUMNS] ** 2;
        });
        this.#small.write(`less ${at}`, less);
      }
      return { matrix: this.#squares.get(`squares ${at}`), less: this.#small.get(`less ${at}`), trace };
    });
  }

  destroy(): void {
    for (const { plan } of [...this.#readings, ...(this.#first ? [this.#first] : [])]) plan.destroy();
    this.#squares.destroy();
    this.#small.destroy();
  }

  async #findMean(batch: readonly LabelledTokens[]): Promise<void> {
    const first = this.#first!;
    const count = this.#write(first, batch);
    first.plan.run();
    const sums = await this.#small.read();
    this.inputs.forEach(({ width }, at) => {
      const mean = new Float32Array(COLUMNS * width);
      sums.get(`sum ${at}`)!.forEach((value, c) => (mean[c] = value / count));
      this.#small.write(`mean ${at}`, mean);
      this.#small.write(`sum ${at}`, new Float32Array(width));
    });
  }

  /** @returns how many tokens count */
  #write({ plan, inputs, counted, ones }: Reading, batch: readonly LabelledTokens[]): number {
    writeBatch(plan, inputs, batch);
    const rows = new Uint32Array(counted.size).fill(NO_ROW);
    const marks = new Float32Array(ones.size);
    let [count, start] = [0, 0];
    for (const row of batch) {
      for (const t of countedTokens(row, this.request.readsPrompts)) {
        rows[count] = start + t;
        marks[COLUMNS * count++] = 1;
      }
      start += row.ids.length;
    }
    plan.write(counted, rows);
    plan.write(ones, marks);
    return count;
  }

  /** @param sumsOnly for the mean of the first batch */
  async #record(bucket: Bucket, sumsOnly: boolean): Promise<Reading> {
    const { model } = this.request;
    const tape = new Tape(model.device);
    const inputs = batchTensors(tape, bucket, model.batchOptions);
    const counted = tape.pinned([bucket.rows], 'u32', 'tokens that count');
    const ones = tape.pinned([bucket.rows, COLUMNS], 'f32', 'ones of tokens that count');
    const places = new Map(this.inputs.map(({ paths: [path] }, at) => [path, at]));
    model.forward(tape, inputs, {
      adapter: listening((path, x) => {
        const at = places.get(path);
        if (at === undefined) return;
        const rows = asF32(tape, gatherRows(tape, x, counted));
        const small = (what: string): Tensor => this.#small.get(`${what} ${at}`);
        if (!sumsOnly) {
          matmul(tape, { a: ones, b: small('mean'), layout: 'NN', c: rows, scale: -1, accumulate: true });
          const c = this.#squares.get(`squares ${at}`);
          matmul(tape, { a: rows, b: rows, layout: 'TN', c, accumulate: true });
          const lengths = tape.tensor([bucket.rows], 'f32', 'lengths of rows');
          rowNormInto(tape, rows, lengths);
          const few = lengths.reshape(bucket.rows / COLUMNS, COLUMNS);
          matmul(tape, { a: few, b: few, layout: 'TN', c: small('lengths'), accumulate: true });
        }
        columnSumInto(tape, rows, small('sum'));
      }),
    });
    const plan = await model.device.compile(tape, model.pool);
    return { ...bucket, plan, inputs, counted, ones };
  }
}

function asF32(tape: Tape, x: Tensor): Tensor {
  if (x.dtype === 'f32') return x;
  const y = tape.tensor(x.shape, 'f32', x.label);
  copy(tape, x, y);
  return y;
}

function holding<B extends Bucket>(buckets: readonly B[], { tokens, rows }: Bucket): B {
  const bucket = buckets.find((one) => one.tokens >= tokens && one.rows >= rows);
  if (!bucket) throw new Error(`No bucket holds ${tokens} tokens, ${rows} of them counted`);
  return bucket;
}

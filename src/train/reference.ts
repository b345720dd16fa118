/**
 * The log-probabilities that the reference policy gives to the sequences of each row. They are computed once, before the first step of a run, and
 * kept with its state: the reference is the model before the first step, without its adapter or with the one that it starts from.
 */
import type { Device } from '../engine/device.ts';
import { itemOf, type List } from '../lists.ts';
import { withoutVirtual, writeBatch, type LabelledTokens } from '../model/batch.ts';
import { bucketFor, rowsOfRun } from './buckets.ts';
import { microBatches } from './order.ts';
import type { NamedArrays } from './state.ts';
import type { BucketPlan } from './step-plans.ts';
import type { RunSpec } from '../settings/spec.ts';

/** Names of the two parts in a saved state. */
const PARTS = ['train', 'validation'] as const;
type Part = (typeof PARTS)[number];

/** Sequences of a row that have a reference: those of a pair. */
const SEQUENCES = 2;

interface ReferenceRows {
  readonly train: List<LabelledTokens>;
  readonly validation: readonly LabelledTokens[];
}

export class ReferencePolicy {
  /** By part, f32 [rows · 2]; not a number for rows that the run never takes. */
  #values: ReadonlyMap<Part, Float32Array<ArrayBuffer>> | undefined;

  constructor(
    private readonly device: Device,
    private readonly plans: readonly BucketPlan[],
    private readonly rows: ReferenceRows,
    private readonly options: RunSpec,
  ) {}

  /** Whether it is known. */
  get known(): boolean {
    return this.#values !== undefined;
  }

  /**
   * Computes it, unless it is known.
   *
   * @param onProgress called with the finished rows, of all
   * @param isInterrupted called between micro-batches: true interrupts
   * @returns whether it is known now
   */
  async compute(
    onProgress: (done: number, total: number) => void,
    isInterrupted: () => boolean,
  ): Promise<boolean> {
    if (this.known) return true;
    const { train, validation } = this.rows;
    const values = new Map(
      PARTS.map((part) => [part, new Float32Array(this.rows[part].length * SEQUENCES).fill(NaN)]),
    );
    const work = [
      ...this.#groups('train', rowsOfRun(train, this.options)),
      ...this.#groups('validation', [...validation.keys()]),
    ];
    const total = work.reduce((sum, { places }) => sum + places.length, 0);
    let done = 0;
    for (const { part, places } of work) {
      onProgress(done, total);
      if (isInterrupted()) return false;
      const found = await this.#ask(places.map((place) => itemOf(this.rows[part], place)));
      places.forEach((place, at) =>
        values.get(part)!.set(found.subarray(at * SEQUENCES, (at + 1) * SEQUENCES), place * SEQUENCES),
      );
      done += places.length;
    }
    onProgress(done, total);
    this.#values = values;
    await this.device.settle();
    return true;
  }

  /** Writes the log-probabilities of these rows into the inputs of a plan. @param places of the rows of the micro-batch in their part */
  write({ plan, policies: { reference } }: BucketPlan, part: Part, places: readonly number[]): void {
    const values = this.#values?.get(part);
    if (!reference || !values) throw new Error('The reference policy is not known yet');
    const own = new Float32Array(reference.size);
    places.forEach((place, at) =>
      own.set(values.subarray(place * SEQUENCES, (place + 1) * SEQUENCES), at * SEQUENCES),
    );
    plan.write(reference, own);
  }

  /** For a saved state. */
  get arrays(): NamedArrays | undefined {
    return this.#values;
  }

  /** @returns a fault if it belongs to other rows */
  restore(saved: NamedArrays): string | undefined {
    const values = new Map<Part, Float32Array<ArrayBuffer>>();
    for (const part of PARTS) {
      const array = saved.get(part) ?? new Float32Array();
      const wanted = this.rows[part].length * SEQUENCES;
      if (array.length !== wanted)
        return `The saved reference policy has ${array.length} numbers for the ${part} rows, and this run needs ${wanted}.`;
      values.set(part, array);
    }
    this.#values = values;
    return undefined;
  }

  #groups(part: Part, places: readonly number[]): { part: Part; places: number[] }[] {
    const rows = places.map((place) => ({ ...itemOf(this.rows[part], place), place }));
    return microBatches(rows, this.options).map((group) => ({
      part,
      places: group.map(({ place }) => place),
    }));
  }

  async #ask(given: readonly LabelledTokens[]): Promise<Float32Array> {
    // The base model alone has no virtual tokens.
    const rows = this.options.reference === 'start' ? given : withoutVirtual(given);
    const { plan, inputs, policies } = bucketFor(this.plans, rows);
    writeBatch(plan, inputs, rows);
    plan.run();
    return new Float32Array(await plan.read(policies.trained!));
  }
}

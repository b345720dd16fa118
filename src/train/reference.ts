/**
 * The log-probabilities that the reference policy gives to the sequences of each row. They are computed once and kept with the run's state: the
 * reference is the model before the first step, without its adapter or with the one that it starts from. So they are computed before the first step;
 * of rows that are made as they are taken before the step that takes them, if the base model itself is the reference and stays as it is.
 */
import type { Device } from '../engine/device.ts';
import { isHeld, itemOf, type List } from '../lists.ts';
import { mostRangesOf, writeBatch, type LabelledTokens } from '../model/batch.ts';
import { withoutVirtual } from '../model/virtual-tokens.ts';
import { bucketFor, furtherBucket, isHeldBy, rowsOfRun } from './buckets.ts';
import { microBatches } from './order.ts';
import type { NamedArrays } from './state.ts';
import type { BucketPlan, RunPlans } from './step-plans.ts';
import type { RunSpec } from '../settings/spec.ts';

/** Names of the two parts in a saved state. */
const PARTS = ['train', 'validation'] as const;
type Part = (typeof PARTS)[number];

/** Sequences of a row that have a reference: those of a pair. */
const SEQUENCES = 2;
/** Rows that are held at once while all are asked: of rows that are made as they are taken. */
const AT_ONCE = 4096;

interface ReferenceRows {
  readonly train: List<LabelledTokens>;
  readonly validation: readonly LabelledTokens[];
}

export class ReferencePolicy {
  /** By part, f32 [rows · 2]; not a number for rows that the run never takes, or has not taken yet. */
  #values: ReadonlyMap<Part, Float32Array<ArrayBuffer>> | undefined;

  constructor(
    private readonly device: Device,
    private readonly plans: Pick<RunPlans, 'references' | 'addReferences'>,
    private readonly rows: ReferenceRows,
    private readonly options: RunSpec,
    /** Whether the base model learns, so that it is the reference only before the first step. */
    private readonly trainsBase: boolean,
  ) {}

  /** Whether it is known. */
  get known(): boolean {
    return this.#values !== undefined;
  }

  /** Whether rows are asked for before the step that takes them. */
  get #isLate(): boolean {
    return !isHeld(this.rows.train) && !this.trainsBase && this.options.reference !== 'start';
  }

  /**
   * Computes it for all rows that are not asked for later, unless it is known.
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
    const asked = {
      train: this.#isLate ? [] : rowsOfRun(train, this.options),
      validation: [...validation.keys()],
    };
    const total = asked.train.length + asked.validation.length;
    let done = 0;
    for (const part of PARTS)
      for (const places of this.#groups(part, asked[part])) {
        onProgress(done, total);
        if (isInterrupted()) return false;
        const found = await this.#ask(places.map((place) => itemOf(this.rows[part], place)));
        keep(values.get(part)!, places, found);
        done += places.length;
      }
    if (total > 0) onProgress(done, total);
    this.#values = values;
    await this.device.settle();
    return true;
  }

  /**
   * Computes it for the micro-batches of a step, unless all of their rows are known.
   *
   * @param placesOf the places of a micro-batch's rows among the trained ones
   */
  async know<Row extends LabelledTokens>(
    groups: readonly (readonly Row[])[],
    placesOf: (group: readonly Row[]) => readonly number[],
  ): Promise<void> {
    const values = this.#values?.get('train');
    if (!values || !this.#isLate) return;
    for (const group of groups) {
      const places = placesOf(group);
      if (places.some((place) => Number.isNaN(values[place * SEQUENCES])))
        keep(values, places, await this.#ask(group));
    }
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

  *#groups(part: Part, places: readonly number[]): Generator<number[]> {
    const all = this.rows[part];
    const atOnce = isHeld(all) ? places.length : AT_ONCE;
    for (let from = 0; from < places.length; from += atOnce) {
      const rows = places.slice(from, from + atOnce).map((place) => ({ ...itemOf(all, place), place }));
      for (const group of microBatches(rows, this.options)) yield group.map(({ place }) => place);
    }
  }

  async #ask(given: readonly LabelledTokens[]): Promise<Float32Array> {
    // The base model alone has no virtual tokens.
    const rows = this.options.reference === 'start' ? given : withoutVirtual(given);
    const { references } = this.plans;
    if (!isHeldBy(references, rows)) {
      // Nobody knew the sizes of these rows before.
      await this.device.settle();
      await this.plans.addReferences(furtherBucket(rows, this.options, mostRangesOf(references), SEQUENCES));
    }
    const { plan, inputs, policies } = bucketFor(references, rows);
    writeBatch(plan, inputs, rows);
    plan.run();
    return new Float32Array(await plan.read(policies.trained!));
  }
}

/** Keeps what was found for the rows at these places. */
function keep(values: Float32Array, places: readonly number[], found: Float32Array): void {
  places.forEach((place, at) =>
    values.set(found.subarray(at * SEQUENCES, (at + 1) * SEQUENCES), place * SEQUENCES),
  );
}

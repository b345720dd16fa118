/**
 * Trainable parameters, always f32, in a few flat buffers: one update, one norm and one readback serve all of them.
 * Each tensor starts on a 256-byte boundary, as a binding must; the gaps stay zero.
 */
import type { Device } from './device.ts';
import { cutRows, partOf, rowsOfShard, ShardedTensor, unitOf } from './shards.ts';
import { type Storage, Tensor, byteLength, sizeOf } from './tensor.ts';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Multiplies the learning rate: LoRA+ trains B faster than A. */
  readonly rateScale?: number;
  /** The shape without padding, if there is some. */
  readonly used?: readonly number[];
  /** Its rows belong to ids: an embedding, a head, virtual tokens. */
  readonly table?: boolean;
}

/** The optimiser's planes of state: the same for every parameter, or as each needs. */
export type StatePlanes = readonly string[] | ((spec: ParameterSpec) => readonly string[]);

/** A parameter that lies in one buffer, with its gradient and its state. */
export interface StoredParameter {
  readonly spec: ParameterSpec;
  readonly values: Tensor;
  readonly gradients: Tensor;
  readonly previous: Tensor;
  readonly state: ReadonlyMap<string, Tensor>;
}

/** A run of elements in one flat buffer that share a learning rate and the planes of state. */
interface ParameterRange {
  readonly values: Tensor;
  readonly gradients: Tensor;
  readonly previous: Tensor;
  /** The optimiser's planes of state, by name. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly rateScale: number;
}

/** The location of a parameter, or of some rows of one that is larger than a binding may be. */
interface ParameterSlice {
  shape: readonly number[];
  firstRow: number;
  segment: number;
  /** In elements. */
  start: number;
}

/** `values`, `gradients`, `previous` (the values before the last update), or the name of one of the optimiser's planes. */
type Plane = string;
/** The default state of an optimiser for each parameter: AdamW's moments. */
export const USUAL_STATE: readonly string[] = ['first', 'second'];
const ALIGNMENT = 64;
const LARGEST_SEGMENT = 256 * 2 ** 20;

export class ParameterStore {
  readonly #places = new Map<string, readonly ParameterSlice[]>();
  readonly #segments: number[] = [];
  /** The optimiser's planes of state of each segment. */
  readonly #stateOf: (readonly string[])[] = [];
  /** By segment; a segment may lack planes of state. */
  readonly #planes = new Map<Plane, (Storage | undefined)[]>();
  readonly #ranges: { segment: number; start: number; end: number; rateScale: number }[] = [];
  readonly #tensors = new Map<string, Tensor>();

  /**
   * @param specs names must differ; order is kept among equal learning rates
   * @param trainable with gradients and the optimiser's planes of state; false for values only
   * @param sharded whether matrices that are larger than the device allows are to be in shards, as those of a base model are
   */
  constructor(
    readonly device: Device,
    readonly specs: readonly ParameterSpec[],
    readonly trainable: { readonly state: StatePlanes } | false,
    private readonly sharded = false,
  ) {
    const limit =
      Math.min(LARGEST_SEGMENT, device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize) / 4;
    const state = trainable ? trainable.state : [];
    const planesOf = typeof state === 'function' ? state : () => state;
    const inOrder = [...specs]
      .map((spec) => ({ spec, own: planesOf(spec) }))
      .sort((a, b) => a.own.length - b.own.length || (a.spec.rateScale ?? 1) - (b.spec.rateScale ?? 1));
    for (const { spec, own } of inOrder) {
      const places = this.#cut(spec).map(({ shape, firstRow }): ParameterSlice => {
        const size = Math.ceil(sizeOf(shape) / ALIGNMENT) * ALIGNMENT;
        return { shape, firstRow, ...this.#place(size, limit, spec.rateScale ?? 1, own) };
      });
      this.#places.set(spec.name, places);
    }
    const own = [...new Set(this.#stateOf.flat())];
    const planes: Plane[] = trainable ? ['values', 'gradients', ...own, 'previous'] : ['values'];
    for (const plane of planes) {
      this.#planes.set(
        plane,
        this.#segments.map((size, index) =>
          own.includes(plane) && !this.#stateOf[index].includes(plane)
            ? undefined
            : device.upload([size], 'f32', `${plane} ${index}`).storage,
        ),
      );
    }
    for (const spec of specs) {
      const tensor = this.#view('values', spec);
      if (trainable) {
        tensor.requiresGrad = true;
        tensor.gradient = this.#view('gradients', spec);
      }
      this.#tensors.set(spec.name, tensor);
    }
  }

  get bytes(): number {
    const storages = [...this.#planes.values()].flat();
    return storages.reduce((sum, storage) => sum + (storage?.bytes ?? 0), 0);
  }

  /** Bytes of the values; gradients take as much, and so do the values before the last update. */
  get valueBytes(): number {
    return this.#segments.reduce((sum, size) => sum + size * 4, 0);
  }

  /** Bytes of the largest buffer. */
  get largestSegment(): number {
    return Math.max(0, ...this.#segments) * 4;
  }

  /** The f32 tensor of a parameter, in the shape of its spec; undefined if there is none of this name. A large one may be in shards. */
  find(name: string): Tensor | undefined {
    return this.#tensors.get(name);
  }

  /** As `find`, in the shape of its spec. @throws Error if there is no parameter of this name */
  get(name: string): Tensor {
    const tensor = this.find(name);
    if (!tensor) throw new Error(`There is no parameter ${name}`);
    return tensor;
  }

  /** The ranges that the optimiser updates. */
  ranges(): ParameterRange[] {
    return this.#ranges.map(({ segment, start, end, rateScale }) => {
      const view = (plane: Plane): Tensor =>
        new Tensor(this.#planes.get(plane)![segment]!, [end - start], 'f32', start * 4);
      return {
        values: view('values'),
        gradients: view('gradients'),
        previous: view('previous'),
        state: new Map(this.#stateOf[segment].map((plane) => [plane, view(plane)])),
        rateScale,
      };
    });
  }

  /** The trained parameters one by one, without those that lie in several buffers. */
  parameters(): StoredParameter[] {
    return this.specs.flatMap((spec) => {
      const places = this.#placesOf(spec.name);
      if (places.length > 1 || !this.trainable) return [];
      const view = (plane: Plane): Tensor => this.#view(plane, spec);
      return {
        ...{ spec, values: view('values'), gradients: view('gradients'), previous: view('previous') },
        state: new Map(this.#stateOf[places[0].segment].map((plane) => [plane, view(plane)])),
      };
    });
  }

  /** Whether a parameter has a plane of state. @throws Error if there is no parameter of this name */
  keeps(name: string, plane: Plane): boolean {
    return this.#placesOf(name).every(({ segment }) => this.#planes.get(plane)?.[segment] !== undefined);
  }

  /**
   * Sets a parameter's values, or its optimiser state, in the parameter's shape.
   *
   * @param firstRow the first of the rows that `values` are, if they are not all
   * @throws Error for an unknown name, another number of values than the parameter has, or a plane that the store lacks
   */
  write(name: string, values: Float32Array<ArrayBuffer>, plane: Plane = 'values', firstRow?: number): void {
    const { shape } = this.get(name);
    if (firstRow === undefined && values.length !== sizeOf(shape))
      throw new Error(`${name} has ${sizeOf(shape)} elements, not ${values.length}`);
    const columns = shape[shape.length - 1];
    const start = (firstRow ?? 0) * columns;
    for (const place of this.#placesOf(name)) {
      const first = place.firstRow * columns;
      const from = Math.max(start, first);
      const to = Math.min(start + values.length, first + sizeOf(place.shape));
      if (from >= to) continue;
      this.device.write(
        this.#whole(plane, place.segment),
        values.subarray(from - start, to - start),
        (place.start + from - first) * 4,
      );
    }
  }

  /** All parameters that have a plane, which may be none, brought to the host at once. Awaits the device. */
  async read(plane: Plane = 'values'): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const segments: Float32Array<ArrayBuffer>[] = [];
    const storages = this.#planes.get(plane) ?? [];
    // Sequentially, because each readback takes memory.
    for (const [index, storage] of storages.entries())
      segments.push(
        storage ? new Float32Array(await this.device.read(this.#whole(plane, index))) : new Float32Array(),
      );
    return new Map(
      this.specs
        .filter(({ name }) => this.keeps(name, plane))
        .map(({ name, shape }) => {
          const places = this.#placesOf(name);
          const part = (place: ParameterSlice): Float32Array<ArrayBuffer> =>
            segments[place.segment].slice(place.start, place.start + sizeOf(place.shape));
          if (places.length === 1) return [name, part(places[0])];
          const values = new Float32Array(sizeOf(shape));
          for (const place of places) values.set(part(place), place.firstRow * shape[shape.length - 1]);
          return [name, values];
        }),
    );
  }

  /** All gradients, to be cleared before a step: `Plan.run`. */
  get gradients(): Tensor[] {
    return this.#planes.has('gradients')
      ? this.#segments.map((_, index) => this.#whole('gradients', index))
      : [];
  }

  /** Goes back to the values before the last update. There must have been one. */
  undoUpdate(): void {
    this.device.copy(
      this.#segments.map((_, index) => ({
        from: this.#whole('previous', index),
        to: this.#whole('values', index),
      })),
    );
  }

  /** Frees everything, after the device has settled. */
  destroy(): void {
    for (const [plane, storages] of this.#planes)
      for (const [index, storage] of storages.entries())
        if (storage) this.device.free(this.#whole(plane, index));
  }

  /** A whole buffer of a plane. */
  #whole(plane: Plane, segment: number): Tensor {
    const storage = this.#planes.get(plane)?.[segment];
    if (!storage) throw new Error(`There is no plane ${plane}`);
    return new Tensor(storage, [this.#segments[segment]], 'f32');
  }

  #cut({ shape }: ParameterSpec): { shape: readonly number[]; firstRow: number }[] {
    const unit = unitOf(shape);
    if (!this.sharded || unit === undefined) return [{ shape, firstRow: 0 }];
    const columns = shape[shape.length - 1];
    const rows = sizeOf(shape) / columns;
    const bytes = (count: number): number => byteLength([count, columns], 'f32');
    const step = rowsOfShard(this.device.limits, rows, bytes, unit);
    return cutRows(rows, step).map(({ firstRow, count }) => ({ shape: partOf(shape, count), firstRow }));
  }

  /** Takes `size` elements of the last segment, or of a new one. */
  #place(
    size: number,
    limit: number,
    rateScale: number,
    state: readonly string[],
  ): Pick<ParameterSlice, 'segment' | 'start'> {
    const last = this.#segments.at(-1);
    if (last === undefined || last + size > limit || this.#stateOf.at(-1)!.join() !== state.join()) {
      this.#segments.push(0);
      this.#stateOf.push(state);
    }
    const segment = this.#segments.length - 1;
    const start = this.#segments[segment];
    const end = (this.#segments[segment] = start + size);
    const range = this.#ranges.at(-1);
    if (range && range.segment === segment && range.rateScale === rateScale) range.end = end;
    else this.#ranges.push({ segment, start, end, rateScale });
    return { segment, start };
  }

  #placesOf(name: string): readonly ParameterSlice[] {
    const places = this.#places.get(name);
    if (!places) throw new Error(`There is no parameter ${name}`);
    return places;
  }

  #view(plane: Plane, { name, shape }: ParameterSpec): Tensor {
    const shards = this.#placesOf(name).map((place) => ({
      firstRow: place.firstRow,
      tensor: new Tensor(this.#planes.get(plane)![place.segment]!, place.shape, 'f32', place.start * 4),
    }));
    return shards.length === 1 ? shards[0].tensor : new ShardedTensor(name, shape, 'f32', shards);
  }
}

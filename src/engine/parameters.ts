/**
 * Trainable parameters, always f32, in a few flat buffers: one update, one norm and one readback serve all of them.
 * Each tensor starts on a 256-byte boundary, as a binding must; the gaps stay zero.
 */
import type { Device } from './device.ts';
import { cutRows, rowsOfPiece, SplitTensor } from './pieces.ts';
import { type Storage, Tensor, byteLength, sizeOf } from './tensor.ts';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Multiplies the learning rate: LoRA+ trains B faster than A. */
  readonly rateScale?: number;
}

/** A run of elements in one flat buffer that share a learning rate. */
export interface ParameterRange {
  readonly values: Tensor;
  readonly gradients: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly previous: Tensor;
  readonly rateScale: number;
}

/** Where a parameter lies, or some rows of one that is larger than a binding may be. */
interface Place {
  shape: readonly number[];
  firstRow: number;
  segment: number;
  /** In elements. */
  start: number;
}

/** `previous` are the values before the last update. */
type Plane = 'values' | 'gradients' | 'first' | 'second' | 'previous';
const ALIGNMENT = 64;
const LARGEST_SEGMENT = 256 * 2 ** 20;

export class ParameterStore {
  readonly #places = new Map<string, readonly Place[]>();
  readonly #segments: number[] = [];
  readonly #planes = new Map<Plane, Storage[]>();
  readonly #ranges: { segment: number; start: number; end: number; rateScale: number }[] = [];
  readonly #tensors = new Map<string, Tensor>();

  /**
   * @param specs names must differ; order is kept among equal learning rates
   * @param trainable with gradients and optimiser state, or values only
   * @param inPieces whether matrices that are larger than the device binds are to be in pieces, as those of a base model are
   */
  constructor(
    readonly device: Device,
    readonly specs: readonly ParameterSpec[],
    readonly trainable: boolean,
    private readonly inPieces = false,
  ) {
    const limit =
      Math.min(LARGEST_SEGMENT, device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize) / 4;
    const byRate = [...specs].sort((a, b) => (a.rateScale ?? 1) - (b.rateScale ?? 1));
    for (const spec of byRate) {
      const places = this.#cut(spec).map(({ shape, firstRow }): Place => {
        const size = Math.ceil(sizeOf(shape) / ALIGNMENT) * ALIGNMENT;
        return { shape, firstRow, ...this.#place(size, limit, spec.rateScale ?? 1) };
      });
      this.#places.set(spec.name, places);
    }
    const planes: Plane[] = trainable ? ['values', 'gradients', 'first', 'second', 'previous'] : ['values'];
    for (const plane of planes) {
      this.#planes.set(
        plane,
        this.#segments.map((size, index) => device.upload([size], 'f32', `${plane} ${index}`).storage),
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
    return this.#segments.reduce((sum, size) => sum + size * 4, 0) * this.#planes.size;
  }

  /** Values alone, or values, gradients and three of the optimiser: each takes the same bytes. */
  get planes(): number {
    return this.#planes.size;
  }

  /** Bytes of the largest buffer. */
  get largestSegment(): number {
    return Math.max(0, ...this.#segments) * 4;
  }

  /** The tensor of a parameter, or undefined if there is none of this name. */
  find(name: string): Tensor | undefined {
    return this.#tensors.get(name);
  }

  get(name: string): Tensor {
    const tensor = this.find(name);
    if (!tensor) throw new Error(`There is no parameter ${name}`);
    return tensor;
  }

  /** What the optimiser walks over. */
  ranges(): ParameterRange[] {
    return this.#ranges.map(({ segment, start, end, rateScale }) => {
      const view = (plane: Plane): Tensor =>
        new Tensor(this.#planes.get(plane)![segment], [end - start], 'f32', start * 4);
      return {
        values: view('values'),
        gradients: view('gradients'),
        first: view('first'),
        second: view('second'),
        previous: view('previous'),
        rateScale,
      };
    });
  }

  /**
   * Sets a parameter's values, or its optimiser state, in the parameter's shape.
   *
   * @param firstRow where `values` are some rows of it only
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
      const buffer = this.#planes.get(plane)![place.segment].buffer!;
      this.device.write(buffer, (place.start + from - first) * 4, values.subarray(from - start, to - start));
    }
  }

  /** All parameters of a plane, brought to the host at once. Awaits the GPU. */
  async read(plane: Plane = 'values'): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const segments: Float32Array<ArrayBuffer>[] = [];
    // One after the other: readbacks take memory of their own.
    for (const storage of this.#planes.get(plane)!)
      segments.push(new Float32Array(await this.device.read(storage.buffer!, 0, storage.bytes)));
    return new Map(
      this.specs.map(({ name, shape }) => {
        const places = this.#placesOf(name);
        const part = (place: Place): Float32Array<ArrayBuffer> =>
          segments[place.segment].slice(place.start, place.start + sizeOf(place.shape));
        if (places.length === 1) return [name, part(places[0])];
        const values = new Float32Array(sizeOf(shape));
        for (const place of places) values.set(part(place), place.firstRow * shape[1]);
        return [name, values];
      }),
    );
  }

  /** Records that all gradients become zero. */
  clearGradients(encoder: GPUCommandEncoder): void {
    for (const storage of this.#planes.get('gradients') ?? []) encoder.clearBuffer(storage.buffer!);
  }

  /** Goes back to the values before the last update. There must have been one. */
  undoUpdate(): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const previous = this.#planes.get('previous') ?? [];
    this.#planes.get('values')!.forEach((values, i) => {
      encoder.copyBufferToBuffer(previous[i].buffer!, 0, values.buffer!, 0, values.bytes);
    });
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Frees everything, after the GPU has settled. */
  destroy(): void {
    for (const storages of this.#planes.values()) {
      for (const storage of storages) {
        if (storage.buffer) this.device.destroyBuffer(storage.buffer);
        storage.buffer = undefined;
      }
    }
  }

  #cut({ shape }: ParameterSpec): { shape: readonly number[]; firstRow: number }[] {
    if (!this.inPieces || shape.length !== 2) return [{ shape, firstRow: 0 }];
    const [rows, columns] = shape;
    const step = rowsOfPiece(this.device.limits, rows, (count) => byteLength([count, columns], 'f32'));
    return cutRows(rows, step).map(({ firstRow, count }) => ({ shape: [count, columns], firstRow }));
  }

  /** Takes so many elements of the last segment, or of a new one. */
  #place(size: number, limit: number, rateScale: number): Pick<Place, 'segment' | 'start'> {
    if (this.#segments.length === 0 || this.#segments.at(-1)! + size > limit) this.#segments.push(0);
    const segment = this.#segments.length - 1;
    const start = this.#segments[segment];
    const end = (this.#segments[segment] = start + size);
    const range = this.#ranges.at(-1);
    if (range && range.segment === segment && range.rateScale === rateScale) range.end = end;
    else this.#ranges.push({ segment, start, end, rateScale });
    return { segment, start };
  }

  #placesOf(name: string): readonly Place[] {
    const places = this.#places.get(name);
    if (!places) throw new Error(`There is no parameter ${name}`);
    return places;
  }

  #view(plane: Plane, { name, shape }: ParameterSpec): Tensor {
    const pieces = this.#placesOf(name).map((place) => ({
      firstRow: place.firstRow,
      tensor: new Tensor(this.#planes.get(plane)![place.segment], place.shape, 'f32', place.start * 4),
    }));
    return pieces.length === 1 ? pieces[0].tensor : new SplitTensor(name, shape, 'f32', pieces);
  }
}

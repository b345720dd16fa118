/**
 * Products of a class on a GPU, for the search in engine/webgpu/tune-products.ts. Values are checked twice: those of a small product with odd sides against
 * sums in float64, and those of the class itself against the usual kernel. Operands are small integers, so that sums are exact in any order. Blocks hold no
 * integers: their products are compared with those of the plain kernel and of the usual one, up to rounding.
 */
import type { Plan } from '../engine/plan.ts';
import type { Pool } from '../engine/pool.ts';
import { matmul, matmuls, type Product } from '../engine/ops/matmul.ts';
import { quantisedFormats } from '../engine/quantised.ts';
import { Tensor, bytesPer, byteLength, type DType } from '../engine/tensor.ts';
import { Tape } from '../engine/tape.ts';
import type { GpuDevice } from '../engine/webgpu/device.ts';
import { PLAIN, type TileKernel } from '../engine/webgpu/lower/matmul-kernel.ts';
import type { ProductClass } from '../engine/webgpu/product-class.ts';
import { repeatPlan } from '../engine/webgpu/profile.ts';
import type { ProductBench, TimedKernel } from '../engine/webgpu/tune-products.ts';
import { SUBMIT_SECONDS } from '../engine/webgpu/tuning.ts';
import { WorkClock } from '../engine/work-clock.ts';
import { Random } from '../random.ts';
import { randomBlocks } from './self-test.ts';

/** Candidates that are faster by less are not worth other bits; if the end of work is polled, times are known to a fifth. */
const MARGIN = 0.05;
const POLLED_MARGIN = 0.3;
/** Dispatches of a submit, as long as they fit in it. */
const MAX_DISPATCHES = 64;
/** Seconds of a measurement, at least. */
const MIN_SECONDS = 0.02;
/** The most numbers of a matrix: the head of a model is measured on a part of its vocabulary. */
const MAX_NUMBERS = 2 ** 23;
/** Factor of low-rank terms: exact. */
const LOW_RANK_SCALE = 0.5;
/** Sides that no tile divides, more than one tile in each direction. */
const ODD = { M: 141, N: 140, K: 76, R: 12 };
/** By which part of the largest number products of blocks may differ. */
const TOLERANCE = { f32: 1e-5, f16: 4e-3 };

/** −3 … 3 in half precision. */
const HALVES = [0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200];

/** Opens the products of a device. @throws GraftError as `Device.settle` */
export async function openProductBench(device: GpuDevice): Promise<ProductBench & { close(): void }> {
  const clock = await WorkClock.of(device);
  return new DeviceBench(device, clock);
}

class DeviceBench implements ProductBench {
  readonly ranks: boolean;
  readonly margin: number;
  readonly #pool: Pool;
  #operands: Operands | undefined;

  constructor(
    private readonly device: GpuDevice,
    private readonly clock: WorkClock,
  ) {
    this.ranks = !device.software;
    this.margin = clock.polled ? POLLED_MARGIN : MARGIN;
    this.#pool = device.createPool();
  }

  isLost = (): boolean => this.device.failure !== undefined;

  async check(shape: ProductClass, kernel: TileKernel): Promise<string | undefined> {
    const small = new Operands(this.device, oddOf(shape));
    try {
      const values = await this.#values(small, kernel);
      const right = small.sums() ?? (await this.#values(small, PLAIN));
      const wrong = differenceOf(values, right, small.isExact ? 0 : toleranceOf(shape, kernel));
      if (wrong) return `${wrong} in ${small.what}`;
    } finally {
      small.free();
    }
    if (!this.ranks) return undefined;
    const operands = this.#operandsOf(shape);
    const [values, usual] = [await this.#values(operands, kernel), await this.#values(operands, undefined)];
    const wrong = differenceOf(values, usual, operands.isExact ? 0 : toleranceOf(shape, kernel));
    return wrong && `${wrong} in ${operands.what}`;
  }

  async open(shape: ProductClass, kernel: TileKernel | undefined): Promise<TimedKernel> {
    const { plan } = await this.#compile(this.#operandsOf(shape), kernel);
    // Each in a submit of its own, so that none is too long, whatever the kernel takes.
    const one = await this.clock.measure((times) => {
      for (let i = 0; i < times; i++) plan.run();
    });
    const dispatches = Math.max(1, Math.min(MAX_DISPATCHES, Math.floor(SUBMIT_SECONDS / one)));
    const submits = Math.max(1, Math.ceil(this.clock.least(MIN_SECONDS) / (dispatches * one)));
    return {
      seconds: async () => {
        const all = await this.clock.once(() => {
          for (let i = 0; i < submits; i++) repeatPlan(this.device, plan, dispatches);
        });
        return all / (submits * dispatches);
      },
      close: () => plan.destroy(),
    };
  }

  close(): void {
    this.#operands?.free();
    this.#pool.destroy();
  }

  #operandsOf(shape: ProductClass): Operands {
    if (this.#operands?.of !== shape) {
      this.#operands?.free();
      this.#operands = new Operands(this.device, shape);
    }
    return this.#operands;
  }

  async #compile(operands: Operands, kernel: unknown): Promise<{ plan: Plan; results: readonly Tensor[] }> {
    const tape = new Tape(this.device);
    const { products, terms } = operands;
    if (kernel === PLAIN)
      // It computes one product in a dispatch.
      products.forEach((one, i) => matmul(tape, { ...one, kernel, accumulate: terms && i > 0 }));
    else matmuls(tape, products, terms, kernel);
    const plan = await this.device.compile(tape, this.#pool);
    return { plan, results: terms ? [products[0].c] : products.map(({ c }) => c) };
  }

  async #values(operands: Operands, kernel: unknown): Promise<Float64Array[]> {
    const { plan, results } = await this.#compile(operands, kernel);
    try {
      plan.run();
      const values: Float64Array[] = [];
      for (const result of results) values.push(numbersOf(await this.device.read(result), result.dtype));
      return values;
    } finally {
      plan.destroy();
    }
  }
}

/** The products of a class with their operands on the device. */
class Operands {
  readonly products: readonly Product[];
  readonly terms: boolean;
  /** Whether all operands are integers. */
  readonly isExact: boolean;
  readonly #tensors: Tensor[] = [];

  constructor(
    private readonly device: GpuDevice,
    readonly of: ProductClass,
  ) {
    const { layout, M, R, terms, a, b, c } = of;
    const { N, K } = partOf(of);
    this.terms = terms;
    this.isExact = b === 'f32' || b === 'f16';
    const each = <T>(make: (i: number) => T): T[] => Array.from({ length: of.products }, (_, i) => make(i));
    const sideA = layout === 'TN' ? [K, M] : [M, K];
    const all = {
      a: terms
        ? this.#planes(
            each(() => sideA),
            a,
          )
        : each(() => undefined),
      z:
        R > 0
          ? this.#planes(
              each(() => [M, R]),
              a,
            )
          : [],
      l:
        R > 0
          ? this.#planes(
              each(() => (layout === 'NT' ? [N, R] : [R, N])),
              'f32',
            )
          : [],
      c: terms
        ? []
        : this.#planes(
            each(() => [M, N]),
            c,
          ),
    };
    const shared = terms ? undefined : this.#planes([sideA], a)[0];
    const sum = terms ? this.#planes([[M, N]], c)[0] : undefined;
    this.products = each((i): Product => ({
      layout,
      a: all.a[i] ?? shared!,
      b: this.#weight(layout === 'NT' ? [N, K] : [K, N], i),
      c: sum ?? all.c[i],
      ...(R > 0 && { lowRank: { z: all.z[i], l: all.l[i], scale: LOW_RANK_SCALE } }),
    }));
  }

  get what(): string {
    const { layout, M } = this.of;
    const { N, K } = partOf(this.of);
    return `the product ${layout} ${M} × ${N} × ${K}`;
  }

  /** The results in float64; undefined if operands are blocks. */
  sums(): Float64Array[] | undefined {
    if (!this.isExact) return undefined;
    const { layout, M, R, terms } = this.of;
    const { N, K } = partOf(this.of);
    const all = this.products.map(({ a, b, lowRank }) => {
      const [x, y] = [this.#numbers(a), this.#numbers(b)];
      const z = lowRank ? this.#numbers(lowRank.z) : [];
      const l = lowRank ? this.#numbers(lowRank.l) : [];
      const sums = new Float64Array(M * N);
      for (let m = 0; m < M; m++)
        for (let n = 0; n < N; n++) {
          let sum = 0;
          for (let k = 0; k < K; k++)
            sum += x[layout === 'TN' ? k * M + m : m * K + k] * y[layout === 'NT' ? n * K + k : k * N + n];
          let low = 0;
          for (let r = 0; r < R; r++) low += z[m * R + r] * l[layout === 'NT' ? n * R + r : r * N + n];
          sums[m * N + n] = sum + low * LOW_RANK_SCALE;
        }
      return sums;
    });
    return terms ? [all.reduce((total, one) => total.map((value, i) => value + one[i]))] : all;
  }

  free(): void {
    if (this.device.failure) return;
    for (const tensor of this.#tensors) this.device.free(tensor);
  }

  /** Where the numbers of each tensor start in the sequence. */
  readonly #starts = new Map<Tensor, number>();

  #numbers(tensor: Tensor): number[] {
    const start = this.#starts.get(tensor)!;
    return Array.from({ length: tensor.size }, (_, i) => integer(start + i));
  }

  #weight(shape: readonly [number, number], i: number): Tensor {
    const { b } = this.of;
    if (b === 'f32' || b === 'f16') return this.#planes([shape], b, 100 + i)[0];
    const tensor = randomBlocks(this.device, shape, b, new Random(i));
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Matrices side by side in one piece of memory, as those of a dispatch have to lie. */
  #planes(shapes: readonly (readonly number[])[], dtype: 'f32' | 'f16', seed = 0): Tensor[] {
    const unit = 256 / bytesPer[dtype];
    const starts: number[] = [];
    let size = 0;
    for (const shape of shapes) {
      starts.push(size);
      size += Math.ceil(byteLength(shape, dtype) / bytesPer[dtype] / unit) * unit;
    }
    const make = dtype === 'f16' ? Uint16Array : Float32Array;
    const data = new make(size);
    for (let i = 0; i < size; i++) {
      const value = integer(seed + i);
      data[i] = dtype === 'f16' ? HALVES[value + 3] : value;
    }
    const whole = this.device.upload([size], dtype, 'operand', data);
    this.#tensors.push(whole);
    return shapes.map((shape, i) => {
      const tensor = new Tensor(whole.storage, shape, dtype, starts[i] * bytesPer[dtype]);
      this.#starts.set(tensor, seed + starts[i]);
      return tensor;
    });
  }
}

/** −3 … 3, without a period that a row of a tile could have. */
const integer = (i: number): number => ((i * 7 + Math.floor(i / 11) * 3) % 7) - 3;

/** The sides of each product of a class: rows of a weight are whole blocks. */
function partOf({ layout, N, K, b, products, terms }: ProductClass): { N: number; K: number } {
  const block = b === 'f32' || b === 'f16' ? 4 : quantisedFormats[b].block;
  const [unitN, unitK] = layout === 'NT' ? [4, block] : [block, layout === 'TN' ? 1 : 4];
  const whole = (side: number, unit: number): number => Math.max(1, Math.ceil(side / unit)) * unit;
  const sides = terms ? { N, K: K / products } : { N: N / products, K };
  const inner = whole(sides.K, unitK);
  const max = Math.floor(MAX_NUMBERS / inner);
  return { N: whole(Math.min(sides.N, max), unitN), K: inner };
}

/** A small product of the same kind, with odd sides. */
function oddOf(shape: ProductClass): ProductClass {
  const { layout, M, R, products, terms } = shape;
  const rows = layout === 'TN' ? ODD.M - 1 : Math.min(M, ODD.M);
  const sides = terms ? { N: ODD.N, K: ODD.K * products } : { N: ODD.N * products, K: ODD.K };
  return { ...shape, M: rows, ...sides, R: R > 0 ? ODD.R : 0 };
}

function toleranceOf({ c }: ProductClass, kernel: TileKernel): number {
  return TOLERANCE[c === 'f16' || (kernel.family === 'tiled' && kernel.half) ? 'f16' : 'f32'];
}

/** What is wrong with some values, if anything. */
function differenceOf(
  values: readonly Float64Array[],
  right: readonly Float64Array[],
  tolerance: number,
): string | undefined {
  for (const [i, expected] of right.entries()) {
    const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const wrong = values[i].reduce(
      // NaN is wrong as well.
      (count, value, at) => count + Number(!(Math.abs(value - expected[at]) <= tolerance * largest)),
      0,
    );
    if (wrong > 0) return `${wrong} of ${expected.length} values are wrong`;
  }
  return undefined;
}

function numbersOf(bytes: ArrayBuffer, dtype: DType): Float64Array {
  if (dtype !== 'f16') return Float64Array.from(new Float32Array(bytes));
  return Float64Array.from(new Uint16Array(bytes), (bits) => {
    const exponent = (bits >> 10) & 31;
    const digits = bits & 1023;
    if (exponent === 31) return NaN;
    const value = exponent > 0 ? 2 ** (exponent - 15) * (1 + digits / 1024) : digits * 2 ** -24;
    return bits & 0x8000 ? -value : value;
  });
}

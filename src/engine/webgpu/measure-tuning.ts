/** A short measurement of the matrix kernels on a device. */
import { matmul, type Layout } from '../ops/matmul.ts';
import type { Pool } from '../pool.ts';
import { Tape } from '../tape.ts';
import { WorkClock } from '../work-clock.ts';
import type { GpuDevice } from './device.ts';
import type { Kernel } from './lower/matmul-kernel.ts';
import {
  defaultTuning,
  KERNEL_LAYOUTS,
  SUBMIT_SECONDS,
  type MatmulTuning,
  type RegisterTile,
  type Tuning,
} from './tuning.ts';

/** Time for everything, compilation included: candidates that are not measured by then keep their default. */
const BUDGET_MS = 1500;
/** Side of the measured matrices: large enough to fill the adapter, small enough for the budget. */
const SIDE = { plain: 128, registers: 128, tiles: 1024 };
/** A candidate must be faster by this factor to replace the default: less is noise. */
const MARGIN = 1.1;
/** The same if the end of work is polled: its time is known to a fifth (work-clock.ts). */
const POLLED_MARGIN = 1.4;
/** Waits by which a poll lengthens the budget: enough for the candidates of the first layout. */
const POLLED_WAITS = 60;

const TILE_ROWS = [1, 2, 4, 8, 16] as const;

/**
 * Measures candidates for each layout against the default, and checks that they compute what the plain kernel computes. Takes about a
 * second and a half, and several if a browser polls; callers store the result by adapter.
 */
export async function measureTuning(device: GpuDevice): Promise<Tuning> {
  const tuning = defaultTuning(device.adapter, device.kernels);
  // On a software adapter their times say nothing about a GPU, and one product of that size takes seconds.
  if (device.software && tuning.matmul.family === 'tiles') return tuning;
  const clock = await WorkClock.of(device);
  const deadline = performance.now() + BUDGET_MS + (clock.polled ? clock.wait * POLLED_WAITS * 1000 : 0);
  const margin = clock.polled ? POLLED_MARGIN : MARGIN;
  const bench = new Bench(device, SIDE[tuning.matmul.family], clock);
  try {
    let fastest = 0;
    for (const layout of KERNEL_LAYOUTS) {
      if (performance.now() > deadline) break;
      const started = await bench.measure(layout, kernelOf(tuning.matmul, device, layout));
      if (started === undefined) {
        // The quads of this adapter do not work as specified.
        tuning.matmul.quads = false;
        continue;
      }
      let best = started;
      for (const change of candidates(tuning.matmul, layout)) {
        if (performance.now() > deadline) break;
        const changed = { ...tuning.matmul, ...change };
        const seconds = await bench.measure(layout, kernelOf(changed, device, layout));
        if (seconds !== undefined && seconds * margin < best) {
          best = seconds;
          tuning.matmul = changed;
        }
      }
      fastest = Math.max(fastest, bench.flops / best);
    }
    if (!device.software) tuning.flopsPerSubmit = Math.round(fastest * SUBMIT_SECONDS);
    return tuning;
  } finally {
    bench.destroy();
  }
}

function candidates(tuning: MatmulTuning, layout: Layout): Partial<MatmulTuning>[] {
  if (tuning.family === 'tiles') return layout === 'NT' ? [{ tallTiles: !tuning.tallTiles }] : [];
  // Half and twice as many rows: larger steps can take very long to compile.
  const { rows, columns } = tuning[layout];
  const at = TILE_ROWS.indexOf(rows);
  return [TILE_ROWS[at - 1], TILE_ROWS[at + 1]]
    .filter((next) => next !== undefined)
    .map((next): Partial<MatmulTuning> => ({ [layout]: { rows: next, columns } satisfies RegisterTile }));
}

function kernelOf(tuning: MatmulTuning, device: GpuDevice, layout: Layout): Kernel {
  if (tuning.family === 'tiles') return { family: 'tiled', rows: tuning.tallTiles ? 2 : 1 };
  const family = tuning.quads && device.features.subgroups ? 'quad' : 'register';
  return { family, tile: tuning[layout], lanes: tuning.lanes, alongN: true };
}

class Bench {
  readonly #pool: Pool;
  readonly #expected = new Map<Layout, Float32Array>();
  readonly flops: number;

  constructor(
    readonly device: GpuDevice,
    readonly side: number,
    private readonly clock: WorkClock,
  ) {
    this.#pool = device.createPool();
    this.flops = 2 * side ** 3;
  }

  /** Median seconds of one product, or undefined if the kernel computes something else than the plain one. */
  async measure(layout: Layout, kernel: Kernel): Promise<number | undefined> {
    let expected = this.#expected.get(layout);
    if (!expected) {
      expected = (await this.#run(layout, { family: 'plain' }, false)).values;
      this.#expected.set(layout, expected);
    }
    const { values, seconds } = await this.#run(layout, kernel, true);
    return values.every((value, i) => value === expected[i]) ? seconds : undefined;
  }

  async #run(
    layout: Layout,
    kernel: Kernel,
    timed: boolean,
  ): Promise<{ values: Float32Array; seconds: number }> {
    const { device, side } = this;
    const shape = [side, side];
    // Small integers: their sums are exact in f32, whatever the order.
    const numbers = (step: number): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: side * side }, (_, i) => ((i * step) % 7) - 3);
    const a = device.upload(shape, 'f32', 'A', numbers(3));
    const b = device.upload(shape, 'f32', 'B', numbers(5));
    const tape = new Tape(device);
    const c = matmul(tape, { a, b, layout, kernel, c: tape.pinned(shape, 'f32', 'C') });
    const plan = await device.compile(tape, this.#pool);
    try {
      plan.run();
      const values = new Float32Array(await plan.read(c));
      const seconds = timed
        ? await this.clock.measure((times) => {
            for (let i = 0; i < times; i++) plan.run();
          })
        : NaN;
      return { values, seconds };
    } finally {
      plan.destroy();
      device.free(a);
      device.free(b);
    }
  }

  destroy(): void {
    this.#pool.destroy();
  }
}

/** The search for kernels on an invented device: its times are those that a test invents. */
import { describe, expect, test } from 'vitest';
import { candidatesOf } from '../../../src/engine/webgpu/candidates.ts';
import { fitsDevice, type TileKernel } from '../../../src/engine/webgpu/lower/matmul-kernel.ts';
import { kernelFor, type ProductClass } from '../../../src/engine/webgpu/product-class.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import {
  areTunedClasses,
  chosenProducts,
  tuneProducts,
  type ProductBench,
  type TunedClass,
} from '../../../src/engine/webgpu/tune-products.ts';

const SHAPE: ProductClass = {
  ...{ layout: 'NT', M: 512, N: 576, K: 576, R: 8 },
  ...{ products: 1, terms: false, a: 'f16', b: 'f16', c: 'f16' },
};
const NEW_TOKEN: ProductClass = { ...SHAPE, M: 1, R: 0 };
const KERNELS = candidatesOf(SHAPE, USUAL_GPU);

/** Seconds of each candidate by its place, and of the usual kernel at −1; a candidate that is left out takes two. */
type Times = Readonly<Record<number, readonly number[]>>;

class Invented implements ProductBench {
  readonly margin = 0.05;
  lost = false;
  /** Candidates that were checked, by place. */
  readonly checked: number[] = [];
  opened = 0;

  constructor(
    private readonly times: Times = {},
    readonly ranks = true,
    private readonly checks: (place: number) => string | undefined = () => undefined,
  ) {}

  isLost = (): boolean => this.lost;

  check(shape: ProductClass, kernel: TileKernel): Promise<string | undefined> {
    const place = placeOf(shape, kernel);
    this.checked.push(place);
    return Promise.resolve().then(() => this.checks(place));
  }

  open(
    shape: ProductClass,
    kernel: TileKernel | undefined,
  ): Promise<{ seconds(): Promise<number>; close(): void }> {
    this.opened++;
    const times = this.times[kernel ? placeOf(shape, kernel) : -1] ?? [kernel ? 2 : 1];
    let next = 0;
    return Promise.resolve({
      seconds: () => Promise.resolve(times[next++ % times.length]),
      close: () => void this.opened--,
    });
  }
}

const placeOf = (shape: ProductClass, kernel: TileKernel): number =>
  candidatesOf(shape, USUAL_GPU).findIndex((one) => JSON.stringify(one) === JSON.stringify(kernel));

const search = (
  bench: Invented,
  earlier: readonly TunedClass[] = [],
  watch: Parameters<typeof tuneProducts>[4] = {},
): Promise<TunedClass[]> => tuneProducts([SHAPE], USUAL_GPU, bench, earlier, watch);

describe('Candidates', () => {
  test('are a portable point and at most ten neighbours that fit the device', () => {
    for (const shape of [SHAPE, NEW_TOKEN, { ...SHAPE, b: 'q4_k', K: 4096 }] satisfies ProductClass[]) {
      const all = candidatesOf(shape, USUAL_GPU);
      expect(all.length).toBeGreaterThan(8);
      expect(all.length).toBeLessThanOrEqual(11);
      expect(new Set(all.map((kernel) => JSON.stringify(kernel))).size).toBe(all.length);
      expect(all.every((kernel) => fitsDevice(kernel, USUAL_GPU))).toBe(true);
    }
    expect(KERNELS[0]).toMatchObject({ rows: 1, columns: 1, across: 8, down: 8, depth: 8 });
    expect(candidatesOf({ ...SHAPE, b: 'q4_0' }, USUAL_GPU)[0]).toMatchObject({ depth: 32 });
  });

  test('leave out what a limit of the device forbids', () => {
    const limits = {
      ...USUAL_GPU.limits,
      maxComputeInvocationsPerWorkgroup: 64,
      maxComputeWorkgroupStorageSize: 8192,
    };
    const few = candidatesOf(SHAPE, { limits });
    expect(few.length).toBeGreaterThan(0);
    expect(few.length).toBeLessThan(KERNELS.length);
    expect(few.every((kernel) => fitsDevice(kernel, { limits }))).toBe(true);
  });

  test('have tiles in half precision only for operands that are', () => {
    const halves = (shape: ProductClass): number =>
      candidatesOf(shape, USUAL_GPU).filter((one) => one.family === 'tiled' && one.half).length;
    expect(halves(SHAPE)).toBe(1);
    expect(halves({ ...SHAPE, a: 'f32' })).toBe(0);
    expect(halves({ ...SHAPE, b: 'f32' })).toBe(0);
  });
});

describe('A search', () => {
  test('chooses the fastest candidate', async () => {
    const bench = new Invented({ 2: [0.8], 4: [0.5], 6: [0.7] });
    const [found] = await search(bench);
    expect(found).toMatchObject({ chosen: KERNELS[4], seconds: 0.5, usual: 1 });
    expect(found.tried.map(({ outcome }) => outcome).filter((one) => one === 'faster')).toHaveLength(2);
    expect(bench.opened).toBe(0);
  });

  test('compares a candidate with the choice so far', async () => {
    const [found] = await search(new Invented({ 1: [0.5], 3: [0.6] }));
    expect(found.tried[3]).toEqual({ kernel: KERNELS[3], outcome: 'slower', seconds: 0.6, against: 0.5 });
  });

  test('keeps the usual kernel if all candidates are slower', async () => {
    const found = await search(new Invented());
    expect(found[0].chosen).toBeUndefined();
    expect(chosenProducts(found)).toEqual([]);
  });

  test.each([
    ['a tie', [1]],
    ['a gain below the margin', [0.96]],
    ['a gain within the noise', [0.5, 0.8, 1.3, 0.7, 1.2, 0.6, 0.9]],
  ])('keeps the usual kernel at %s', async (_, times) => {
    const [found] = await search(new Invented({ 1: times }));
    expect(found.chosen).toBeUndefined();
  });

  test('is not misled by one slow measurement', async () => {
    const [found] = await search(new Invented({ 1: [0.5, 0.5, 9, 0.5, 0.5, 0.5, 0.5] }));
    expect(found.chosen).toEqual(KERNELS[1]);
  });

  test('never chooses a candidate with wrong values, however fast, and measures none', async () => {
    const bench = new Invented({ 1: [0.01] }, true, (place) => (place === 1 ? 'one is wrong' : undefined));
    const [found] = await search(bench);
    expect(found.chosen).toBeUndefined();
    expect(found.tried[1]).toEqual({ kernel: KERNELS[1], outcome: 'wrong', why: 'one is wrong' });
  });

  test('remembers a candidate that does not compile, and tries the others', async () => {
    const bench = new Invented({ 3: [0.5] }, true, (place) => {
      if (place === 1) throw new Error('no such limit');
      return undefined;
    });
    const found = await search(bench);
    expect(found[0].tried[1]).toMatchObject({ outcome: 'failed', why: 'no such limit' });
    expect(found[0].chosen).toEqual(KERNELS[3]);
    const again = new Invented();
    expect(await search(again, found)).toEqual(found);
    expect(again.checked).toEqual([]);
  });

  test('ranks nothing on a software adapter, and checks every candidate', async () => {
    const bench = new Invented({ 1: [0.01] }, false);
    const [found] = await search(bench);
    expect(found.chosen).toBeUndefined();
    expect(found.tried.map(({ outcome }) => outcome)).toEqual(KERNELS.map(() => 'right'));
    expect(found.tried.every(({ seconds }) => seconds === undefined)).toBe(true);
    expect(bench.checked).toHaveLength(KERNELS.length);
  });

  test('remembers the candidate that lost the device, and continues behind it on a new one', async () => {
    let kept: readonly TunedClass[] = [];
    const bench = new Invented({}, true, (place) => {
      if (place !== 2) return undefined;
      bench.lost = true;
      throw new Error('The GPU was lost');
    });
    const keep = (classes: readonly TunedClass[]): void => void (kept = structuredClone(classes));
    await expect(search(bench, [], { keep })).rejects.toThrow('The GPU was lost');
    expect(kept[0].tried.map(({ outcome }) => outcome)).toEqual(['slower', 'slower', 'lost']);
    const next = new Invented({ 5: [0.5] });
    const [found] = await search(next, kept);
    expect(next.checked).toEqual([3, 4, 5, 6, 7, 8, 9].filter((place) => place < KERNELS.length));
    expect(found.chosen).toEqual(KERNELS[5]);
  });

  test('counts a candidate during which the page ended as lost', async () => {
    const earlier: TunedClass[] = [{ shape: SHAPE, tried: [{ kernel: KERNELS[0], outcome: 'trying' }] }];
    const bench = new Invented();
    const [found] = await search(bench, earlier);
    expect(found.tried[0]).toMatchObject({ kernel: KERNELS[0], outcome: 'lost' });
    expect(bench.checked).not.toContain(0);
  });

  test('stops when asked, and tries the interrupted candidate again', async () => {
    const controller = new AbortController();
    let kept: readonly TunedClass[] = [];
    const bench = new Invented({}, true, (place) => {
      if (place === 2) controller.abort(new Error('a run starts'));
      return undefined;
    });
    const keep = (classes: readonly TunedClass[]): void => void (kept = structuredClone(classes));
    await expect(search(bench, [], { keep, signal: controller.signal })).rejects.toThrow('a run starts');
    expect(kept[0].tried).toHaveLength(2);
    expect(bench.opened).toBe(0);
    const next = new Invented();
    await search(next, kept);
    expect(next.checked[0]).toBe(2);
  });

  test('waits for its turn before each candidate, and reports progress', async () => {
    const steps: string[] = [];
    await search(new Invented(), [], {
      turn: () => Promise.resolve(void steps.push('turn')),
      onCandidate: (done, total) => steps.push(`${done} of ${total}`),
    });
    const total = KERNELS.length;
    expect(steps.slice(0, 4)).toEqual([`0 of ${total}`, 'turn', `1 of ${total}`, 'turn']);
    expect(steps[steps.length - 1]).toBe(`${total} of ${total}`);
  });

  test('leaves a record that can be read again, and no other', async () => {
    const found = await search(new Invented({ 1: [0.5] }));
    const copy = JSON.parse(JSON.stringify(found)) as TunedClass[];
    expect(areTunedClasses(copy)).toBe(true);
    for (const changed of [
      { ...copy[0], chosen: { family: 'tiled', rows: 7 } },
      { ...copy[0], shape: { ...SHAPE, K: -1 } },
      { ...copy[0], tried: [{ kernel: KERNELS[0], outcome: 'great' }] },
      { ...copy[0], seconds: '1' },
    ])
      expect(areTunedClasses([changed])).toBe(false);
  });
});

describe('The kernel of a product', () => {
  const chosen = [
    { shape: SHAPE, kernel: KERNELS[1] },
    { shape: { ...SHAPE, N: 1152 }, kernel: KERNELS[2] },
  ];

  test('is that of the nearest class', () => {
    expect(kernelFor(SHAPE, chosen)).toBe(KERNELS[1]);
    expect(kernelFor({ ...SHAPE, N: 900 }, chosen)).toBe(KERNELS[2]);
    expect(kernelFor({ ...SHAPE, M: 256, R: 16 }, chosen)).toBe(KERNELS[1]);
  });

  test('takes more rows than the matrix-vector kernel only by another one', () => {
    const few = { shape: { ...NEW_TOKEN, M: 4 }, kernel: candidatesOf(NEW_TOKEN, USUAL_GPU)[0] };
    expect(kernelFor({ ...NEW_TOKEN, M: 3 }, [few])).toBe(few.kernel);
    expect(kernelFor({ ...NEW_TOKEN, M: 5 }, [few])).toBeUndefined();
  });

  test('is not one that was measured for other sides, types or layouts', () => {
    const others: Partial<ProductClass>[] = [
      ...[{ M: 64 }, { N: 49_152 }, { K: 1536 }, { R: 0 }],
      ...[{ layout: 'NN' as const }, { a: 'f32' as const }, { b: 'q4_0' as const }, { products: 3 }],
    ];
    for (const other of others) expect(kernelFor({ ...SHAPE, ...other }, chosen)).toBeUndefined();
  });
});

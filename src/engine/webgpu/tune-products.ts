/**
 * Chooses kernels for classes of products by trying each candidate on the device. A candidate must compute the right values before its time counts, and
 * replaces the current choice only if it is faster by more than the noise. Everything that was tried is kept, so that an interrupted search continues after
 * the last candidate, and one that failed or lost the device is not tried again. Nothing here touches a device: {@link ProductBench} does.
 */
import { median } from '../../averages.ts';
import { messageOf } from '../../errors.ts';
import { isObject } from '../../json.ts';
import { candidatesOf } from './candidates.ts';
import type { TileKernel } from './lower/matmul-kernel.ts';
import { isProductClass, type ChosenProduct, type ProductClass } from './product-class.ts';
import type { GpuTarget } from './target.ts';

/** A kernel that is ready to be timed. */
export interface TimedKernel {
  /** Seconds of one dispatch: one measurement of many. */
  seconds(): Promise<number>;
  close(): void;
}

/** A device as the search sees it. */
export interface ProductBench {
  /** Whether times mean anything: not those of a GPU in software. */
  readonly ranks: boolean;
  /** A candidate has to be faster by this part, however quiet the measurements are. */
  readonly margin: number;
  /** Whether the device is lost, so that nothing more can be tried on it. */
  readonly isLost: () => boolean;
  /** Compares a kernel's values with those that are right. @returns what is wrong, if anything @throws what compiling it throws */
  check(shape: ProductClass, kernel: TileKernel): Promise<string | undefined>;
  /** @param kernel the usual one of the class if left out */
  open(shape: ProductClass, kernel: TileKernel | undefined): Promise<TimedKernel>;
}

/**
 * - `right`: its values are right, and times mean nothing here
 * - `faster`, `slower`: than the choice at that time, by more than the noise or not
 * - `wrong`: its values are
 * - `failed`: it does not compile, or a limit is too low
 * - `lost`: the device was lost, or the page ended, while it was tried
 * - `trying`: now
 */
export const OUTCOMES = ['right', 'faster', 'slower', 'wrong', 'failed', 'lost', 'trying'] as const;

/** A candidate, and what became of it. */
export interface TriedKernel {
  readonly kernel: TileKernel;
  readonly outcome: (typeof OUTCOMES)[number];
  /** Median seconds of a dispatch of it, and of the choice that it was compared with. */
  readonly seconds?: number;
  readonly against?: number;
  /** What is wrong, if anything. */
  readonly why?: string;
}

/** A class, everything that was tried for it, and the choice: the usual kernel if there is none. */
export interface TunedClass {
  readonly shape: ProductClass;
  readonly tried: readonly TriedKernel[];
  readonly chosen?: TileKernel;
  /** Median seconds of a dispatch of the choice, and of the usual kernel: of the comparison in which it won, and of the first one. */
  readonly seconds?: number;
  readonly usual?: number;
}

export interface TuneWatch {
  /** Ends the search before the next candidate, or within one if the bench stops. */
  readonly signal?: AbortSignal;
  /** Resolves when the device has nothing else to do. */
  readonly turn?: () => Promise<void>;
  /** Keeps what is known by now. */
  readonly keep?: (classes: readonly TunedClass[]) => Promise<void> | void;
  readonly onCandidate?: (done: number, total: number, shape: ProductClass) => void;
}

/** Pairs of measurements of a candidate: one of it and one of the current choice, in turn. */
const ROUNDS = 7;

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/**
 * Tries all candidates of some classes.
 *
 * @param earlier what an earlier search knew; classes that are not asked for stay as they are
 * @returns all that is known
 * @throws the failure of a lost device, after what was tried is kept, and the signal's reason
 */
export async function tuneProducts(
  shapes: readonly ProductClass[],
  target: Pick<GpuTarget, 'limits'>,
  bench: ProductBench,
  earlier: readonly TunedClass[] = [],
  { signal, turn, keep, onCandidate }: TuneWatch = {},
): Promise<TunedClass[]> {
  const classes: TunedClass[] = [...earlier];
  const plan = shapes.map((shape) => ({ shape, kernels: candidatesOf(shape, target) }));
  const total = plan.reduce((sum, { kernels }) => sum + kernels.length, 0);
  let done = 0;
  for (const { shape, kernels } of plan) {
    let at = classes.findIndex((one) => same(one.shape, shape));
    if (at < 0) at = classes.push({ shape, tried: [] }) - 1;
    for (const kernel of kernels) {
      onCandidate?.(done++, total, shape);
      const { tried } = classes[at];
      const known = tried.find((one) => same(one.kernel, kernel));
      // A check without times is made up for where times mean something.
      if (known && known.outcome !== 'trying' && !(known.outcome === 'right' && bench.ranks)) continue;
      const others = tried.filter((one) => one !== known);
      const note = async (one: TriedKernel, changes: Partial<TunedClass> = {}): Promise<void> => {
        classes[at] = { ...classes[at], ...changes, tried: [...others, one] };
        await keep?.(classes);
      };
      if (known?.outcome === 'trying') {
        await note({ kernel, outcome: 'lost', why: 'An earlier attempt never came to its end.' });
        continue;
      }
      signal?.throwIfAborted();
      await turn?.();
      signal?.throwIfAborted();
      await note({ kernel, outcome: 'trying' });
      try {
        const { changes, ...outcome } = await tryKernel(bench, classes[at], kernel, signal);
        await note({ kernel, ...outcome }, changes);
      } catch (error) {
        if (signal?.aborted) {
          classes[at] = { ...classes[at], tried: others };
          await keep?.(classes);
          throw signal.reason;
        }
        const outcome = bench.isLost() ? 'lost' : 'failed';
        await note({ kernel, outcome, why: messageOf(error) });
        if (outcome === 'lost') throw error;
      }
    }
  }
  onCandidate?.(total, total, shapes[shapes.length - 1]);
  return classes;
}

type Outcome = Omit<TriedKernel, 'kernel'> & { readonly changes?: Partial<TunedClass> };

async function tryKernel(
  bench: ProductBench,
  { shape, chosen, usual }: TunedClass,
  kernel: TileKernel,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const why = await bench.check(shape, kernel);
  if (why !== undefined) return { outcome: 'wrong', why };
  if (!bench.ranks) return { outcome: 'right' };
  const current = await bench.open(shape, chosen);
  try {
    const candidate = await bench.open(shape, kernel);
    try {
      const rounds: { current: number; candidate: number }[] = [];
      for (let i = 0; i < ROUNDS; i++) {
        signal?.throwIfAborted();
        rounds.push({ current: await current.seconds(), candidate: await candidate.seconds() });
      }
      const seconds = median(rounds.map((round) => round.candidate));
      const against = median(rounds.map((round) => round.current));
      const isFaster = gainOf(rounds) > bench.margin;
      return {
        ...{ outcome: isFaster ? 'faster' : 'slower', seconds, against },
        changes: { usual: usual ?? against, ...(isFaster && { chosen: kernel, seconds }) },
      };
    } finally {
      candidate.close();
    }
  } finally {
    current.close();
  }
}

/**
 * The part of the current choice's time that a candidate saves for certain: the median of the pairs, less their spread (the distance between their
 * quartiles).
 */
function gainOf(rounds: readonly { readonly current: number; readonly candidate: number }[]): number {
  const gains = rounds.map(({ current, candidate }) => 1 - candidate / current).sort((x, y) => x - y);
  const quarter = Math.floor(gains.length / 4);
  return median(gains) - (gains[gains.length - 1 - quarter] - gains[quarter]);
}

/** The choices of a search, for a device's tuning. */
export function chosenProducts(classes: readonly TunedClass[]): ChosenProduct[] {
  return classes.flatMap(({ shape, chosen }) => (chosen ? [{ shape, kernel: chosen }] : []));
}

/** Whether something that was stored is what a search knows. */
export function areTunedClasses(value: unknown): value is TunedClass[] {
  return Array.isArray(value) && value.every(isTunedClass);
}

function isTunedClass(value: unknown): value is TunedClass {
  if (!isObject(value) || !isProductClass(value['shape']) || !Array.isArray(value['tried'])) return false;
  const { tried, chosen, seconds, usual } = value;
  const isTime = (one: unknown): boolean =>
    one === undefined || (typeof one === 'number' && Number.isFinite(one) && one >= 0);
  const known = candidatesOf(value['shape'], { limits: UNLIMITED });
  const isKernel = (one: unknown): boolean => known.some((kernel) => same(kernel, one));
  return (
    [seconds, usual].every(isTime) &&
    (chosen === undefined || isKernel(chosen)) &&
    (tried as unknown[]).every(
      (one) =>
        isObject(one) &&
        isKernel(one['kernel']) &&
        (OUTCOMES as readonly unknown[]).includes(one['outcome']) &&
        [one['seconds'], one['against']].every(isTime) &&
        (one['why'] === undefined || typeof one['why'] === 'string'),
    )
  );
}

const UNLIMITED: GpuTarget['limits'] = {
  maxStorageBufferBindingSize: Infinity,
  maxBufferSize: Infinity,
  maxComputeWorkgroupStorageSize: Infinity,
  maxComputeInvocationsPerWorkgroup: Infinity,
};

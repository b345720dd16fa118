/** Whether a planned run fits the adapter's limits, and what to change if it does not: each change with its own planned bytes. */
import { learnerOf } from '../adapters/learners.ts';
import type { Lowering } from '../engine/lowering.ts';
import type { Target } from '../engine/target.ts';
import { MAX_WORKGROUPS } from '../engine/webgpu/target.ts';
import { GraftError } from '../errors.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { isQuantised } from '../model/weight-types.ts';
import type { RunBuckets } from './buckets.ts';
import { planMemory, type MemoryPlan, type MemorySettings } from './memory-plan.ts';
import { hasRank, type RunSpec } from '../settings/spec.ts';

/** The settings of a run that advice may change. */
export interface AdviceSettings extends Omit<MemorySettings, 'options' | 'buckets'> {
  /** Bytes on the GPU that no plan of the run has: they count for every peak, and for what fits. */
  readonly besideBytes?: number;
  readonly options: MemorySettings['options'] & Pick<RunSpec, 'accumulate'>;
  /** Sizes of the micro-batches if the rows are known; undefined if these options allow no run on them; full ones if left out. */
  readonly bucketsOf?: (options: AdviceSettings['options']) => RunBuckets | undefined;
}

/** A limit that a plan exceeds. */
export interface MemoryProblem {
  readonly limit: 'buffer' | 'binding' | 'memory' | 'dispatch';
  /** What is too large. */
  readonly label: string;
  /** For a dispatch: workgroups. */
  readonly bytes: number;
  readonly allowed: number;
}

export interface Advice {
  readonly change: 'batch' | 'checkpointing' | 'precision' | 'base' | 'length' | 'rank' | 'all';
  /** The change in words, as an instruction. */
  readonly text: string;
  /** The settings with the change made. */
  readonly settings: AdviceSettings;
  readonly peakBytes: number;
  /** Whether this change is enough. */
  readonly fits: boolean;
}

/** Advice does not go below these. */
const MIN_LENGTH = 64;
const MIN_RANK = 4;
/** The 4-bit layout with the smallest loss for weights that were trained in 16 bits. */
export const FOUR_BITS = 'nf4';

/**
 * The parts of a plan that are too large for the adapter.
 *
 * @param memoryBytes of the GPU, if a person gives it: browsers do not report it
 */
export function memoryProblems(
  {
    largestBuffer,
    largestBinding,
    largestDispatch,
    peakBytes,
  }: Pick<MemoryPlan, 'largestBuffer' | 'largestBinding' | 'largestDispatch' | 'peakBytes'>,
  limits: Target['limits'],
  memoryBytes = Infinity,
): MemoryProblem[] {
  const candidates: MemoryProblem[] = [
    { limit: 'buffer', ...largestBuffer, allowed: limits.maxBufferSize },
    { limit: 'binding', ...largestBinding, allowed: limits.maxStorageBufferBindingSize },
    {
      limit: 'memory',
      label: 'the run',
      bytes: peakBytes,
      allowed: Math.min(memoryBytes, limits.memoryBytes ?? Infinity),
    },
    {
      limit: 'dispatch',
      label: largestDispatch.label,
      bytes: largestDispatch.workgroups,
      allowed: MAX_WORKGROUPS,
    },
  ];
  return candidates.filter(({ bytes, allowed }) => bytes > allowed);
}

/**
 * The changes that make a run smaller, best first: sufficient ones before others, and within each group those that only cost time before those that
 * change what is learned. If none is enough by itself, the first advice combines as many as it takes, provided that all together are enough.
 */
export async function adviseMemory(
  lowering: Lowering,
  definition: ModelDefinition,
  settings: AdviceSettings,
  memoryBytes?: number,
): Promise<Advice[]> {
  const { target } = lowering;
  const fits = (plan: MemoryPlan): boolean => memoryProblems(plan, target.limits, memoryBytes).length === 0;
  const planned = async (change: Change, changed: AdviceSettings): Promise<Advice | undefined> => {
    const plan = await planOf(lowering, definition, changed);
    return (
      plan && {
        change: change.name,
        text: change.text(changed),
        settings: changed,
        peakBytes: plan.peakBytes,
        fits: fits(plan),
      }
    );
  };
  /** The smallest step of a change that fits, or the largest possible one. */
  const best = async (change: Change, from: AdviceSettings): Promise<Advice | undefined> => {
    let last: Advice | undefined;
    for (let next = change.step(from, target); next; next = change.step(next, target)) {
      last = (await planned(change, next)) ?? last;
      if (last?.fits) break;
    }
    return last;
  };

  const { peakBytes } = (await planOf(lowering, definition, settings)) ?? { peakBytes: Infinity };
  const single: Advice[] = [];
  for (const change of CHANGES) {
    const advice = await best(change, settings);
    if (advice && advice.peakBytes < peakBytes) single.push(advice);
  }
  if (single.some((advice) => advice.fits))
    return [...single.filter((advice) => advice.fits), ...single.filter((advice) => !advice.fits)];

  let together: Advice | undefined;
  const texts: string[] = [];
  for (const change of CHANGES) {
    const advice = await best(change, together?.settings ?? settings);
    if (!advice || advice.peakBytes >= (together?.peakBytes ?? peakBytes)) continue;
    texts.push(advice.text);
    together = advice;
    if (advice.fits) break;
  }
  single.sort((a, b) => a.peakBytes - b.peakBytes);
  return together && texts.length > 1
    ? [{ ...together, change: 'all', text: texts.join(' ') }, ...single]
    : single;
}

/** Undefined if these settings allow no run on the rows, or one that is too large to be planned. */
async function planOf(
  lowering: Lowering,
  definition: ModelDefinition,
  { bucketsOf, besideBytes = 0, ...settings }: AdviceSettings,
): Promise<MemoryPlan | undefined> {
  const buckets = bucketsOf?.(settings.options);
  if (bucketsOf && !buckets) return undefined;
  try {
    const plan = await planMemory(lowering, definition, { ...settings, buckets });
    return { ...plan, peakBytes: plan.peakBytes + besideBytes };
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-tokens') return undefined;
    throw error;
  }
}

/** A way to make a run smaller, step by step. */
interface Change {
  readonly name: Advice['change'];
  /** The next smaller settings, or undefined if there are none. */
  readonly step: (settings: AdviceSettings, target: Target) => AdviceSettings | undefined;
  readonly text: (changed: AdviceSettings) => string;
}

/** Changes that only cost time come first. */
const CHANGES: readonly Change[] = [
  {
    name: 'batch',
    step: ({ options, ...rest }) =>
      options.batch > 1
        ? {
            ...rest,
            options: {
              ...options,
              batch: Math.ceil(options.batch / 2),
              accumulate: Math.ceil((options.batch * options.accumulate) / Math.ceil(options.batch / 2)),
            },
          }
        : undefined,
    text: ({ options }) =>
      `Use a batch size of ${options.batch} and gradient accumulation over ${options.accumulate} batches.`,
  },
  {
    name: 'checkpointing',
    step: ({ options, ...rest }) =>
      options.checkpointing ? undefined : { ...rest, options: { ...options, checkpointing: true } },
    text: () => 'Turn activation checkpointing on.',
  },
  {
    name: 'precision',
    step: (settings, { features }) =>
      settings.precision === 'f32' && features.f16 && !learnerOf(settings.options).trainsModel
        ? { ...settings, precision: 'f16' }
        : undefined,
    text: () => 'Compute in half precision (f16).',
  },
  {
    name: 'base',
    step: ({ baseWeights, ...rest }) =>
      !learnerOf(rest.options).trainsModel && !isQuantised(baseWeights?.matrices ?? 'stored')
        ? { ...rest, baseWeights: { matrices: FOUR_BITS } }
        : undefined,
    text: () => `Hold the base weights in four bits (${FOUR_BITS}).`,
  },
  {
    name: 'length',
    step: ({ options, ...rest }) =>
      options.maxLength > MIN_LENGTH
        ? {
            ...rest,
            options: { ...options, maxLength: Math.max(MIN_LENGTH, Math.ceil(options.maxLength / 2)) },
          }
        : undefined,
    text: ({ options }) => `Truncate rows at ${options.maxLength} tokens.`,
  },
  {
    name: 'rank',
    step: ({ options, ...rest }) =>
      hasRank(options) && options.rank > MIN_RANK
        ? {
            ...rest,
            options: { ...options, rank: Math.max(MIN_RANK, Math.ceil(options.rank / 2)) },
          }
        : undefined,
    text: ({ options }) => `Lower the rank to ${options.rank}.`,
  },
];

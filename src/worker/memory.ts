/** The memory planner as the page asks it. */
import { GraftError } from '../errors.ts';
import { AS_STORED, sameChoices } from '../model/weight-types.ts';
import { runBuckets } from '../train/buckets.ts';
import { validationRows } from '../train/order.ts';
import {
  adviseMemory,
  FOUR_BITS,
  memoryProblems,
  type Advice,
  type AdviceSettings,
} from '../train/memory-advice.ts';
import { planBase, planMemory, type MemoryPlan, type MemorySettings } from '../train/memory-plan.ts';
import { checkOptions, hasRank, type TrainOptions } from '../train/options.ts';
import type { BaseWeights, MemoryAdvice, RunMemory, RunOptions } from './api.ts';
import { rowsOf } from './data.ts';
import type { OpenModel } from './model.ts';
import { bucketsOf } from '../runs/other-rows.ts';
import { trainOptions } from './run-options.ts';
import { chatTokens, type Session } from './session.ts';
import { TooLarge } from './too-large.ts';

/**
 * Plans a run on the open model and data.
 *
 * @throws GraftError `train-option`, `lora-config`, and `train-tokens` with advice
 */
export async function planRun(
  options: RunOptions,
  { model, content, tokenizer }: Pick<OpenModel, 'model' | 'content' | 'tokenizer'>,
  { data }: Pick<Session, 'data'>,
): Promise<RunMemory> {
  const train = trainOptions(options);
  checkOptions(train);
  const { device, definition } = model;
  const full = train.method === 'full';
  const rows = data?.modelContent === content ? rowsOf(data, 'train') : [];
  const asked: AdviceSettings = {
    precision: model.dtype,
    baseWeights: full ? AS_STORED : model.weightChoices,
    storedAs: model.storedAs,
    options: train,
    // What else is on the GPU, such as the chat's cache where the run answers nothing, is none of the run's.
    ...(options.sampleEvery > 0 && {
      samples: { maxLength: chatTokens(definition.shape.maxPositions) },
    }),
  };
  const known = data && rows.length > 0 ? data : undefined;
  const settings: MemorySettings = {
    ...asked,
    ...(known && { buckets: runBuckets(train, rows, validationRows(rowsOf(known, 'validation'))) }),
  };
  const advise = async (): Promise<MemoryAdvice[]> =>
    (
      await adviseMemory(device.lowering, definition, {
        ...asked,
        ...(known && { bucketsOf: bucketsOf(train, known, tokenizer.bosId) }),
      })
    ).map(({ peakBytes, ...entry }) => ({
      ...pick({ ...entry, peakBytes: peakBytes + besideBytes(model, train) }),
      ...changesOf(entry, options, model.weightChoices),
    }));
  let planned: MemoryPlan;
  try {
    planned = await planBeside(model, settings);
  } catch (error) {
    if (!(error instanceof GraftError) || error.code !== 'train-tokens') throw error;
    throw new TooLarge(error, await advise());
  }
  const { minimumBytes: _, ...plan } = planned;
  const problems = memoryProblems(plan, device.limits);
  const other = full ? undefined : otherBase(model, plan);
  const checkpointed = problems.length > 0 ? undefined : await checkpointedPlan(model, settings, plan);
  return {
    ...plan,
    problems,
    advice: problems.length > 0 ? await advise() : [],
    ...(checkpointed && { checkpointed }),
    ...(other && { otherBase: other }),
  };
}

/** All weights are trained on a copy of the model: the open one, which the chat asks, stays where it is. */
function besideBytes(
  { device, definition, dtype: precision, storedAs, weightChoices: baseWeights }: OpenModel['model'],
  { method }: Pick<TrainOptions, 'method'>,
): number {
  return method === 'full'
    ? planBase(device.lowering, definition, { precision, baseWeights, storedAs }).bytes
    : 0;
}

async function planBeside(model: OpenModel['model'], settings: MemorySettings): Promise<MemoryPlan> {
  const plan = await planMemory(model.device.lowering, model.definition, settings);
  const bytes = besideBytes(model, settings.options);
  return {
    ...plan,
    peakBytes: plan.peakBytes + bytes,
    steadyBytes: plan.steadyBytes + bytes,
    parts: { ...plan.parts, base: plan.parts.base + bytes },
  };
}

/** Activation checkpointing is worth a word if it saves at least this share of the run's memory, and so many bytes. */
const WORTH_CHECKPOINTING = { share: 0.3, bytes: 64 * 2 ** 20 };

/** The run with activation checkpointing, where that saves much. */
async function checkpointedPlan(
  model: OpenModel['model'],
  settings: MemorySettings,
  { peakBytes, parts }: Pick<RunMemory, 'peakBytes' | 'parts'>,
): Promise<RunMemory['checkpointed']> {
  const least = Math.max(WORTH_CHECKPOINTING.bytes, WORTH_CHECKPOINTING.share * peakBytes);
  // It saves no more than there are activations: most small runs need no second plan.
  if (settings.options.checkpointing || parts.activations < least) return undefined;
  const options = { ...settings.options, checkpointing: true };
  const plan = await planBeside(model, { ...settings, options });
  return peakBytes - plan.peakBytes >= least ? { peakBytes: plan.peakBytes } : undefined;
}

function pick({ text, peakBytes, fits }: Advice): Pick<Advice, 'text' | 'peakBytes' | 'fits'> {
  return { text, peakBytes, fits };
}

/** Another way to hold the base is worth a word if it changes at least this share of the run's memory. */
const WORTH = 0.1;

/** The base in four bits where that saves much; as stored where it is held in another way. */
function otherBase(
  { device, definition, dtype, storedAs, weightChoices }: OpenModel['model'],
  { peakBytes, parts }: Pick<RunMemory, 'peakBytes' | 'parts'>,
): RunMemory['otherBase'] {
  const isStored = sameChoices(weightChoices);
  const baseWeights: BaseWeights = isStored ? { matrices: FOUR_BITS } : AS_STORED;
  const { bytes } = planBase(device.lowering, definition, { precision: dtype, baseWeights, storedAs });
  return !isStored || parts.base - bytes >= WORTH * peakBytes ? { baseWeights, bytes } : undefined;
}

/** The settings that differ, and how the base would be held if that does. Neither where a model would have to be opened in half precision. */
function changesOf(
  { settings: { options, baseWeights } }: Pick<Advice, 'settings'>,
  asked: RunOptions,
  held: BaseWeights,
): Pick<RunMemory['advice'][number], 'change' | 'baseWeights'> {
  const { batch, accumulate, maxLength, checkpointing } = options;
  const rank = hasRank(options) ? options.lora.rank : asked.rank;
  const advised = { batch, accumulate, maxLength, checkpointing, rank };
  const keys = Object.keys(advised) as (keyof typeof advised)[];
  return {
    change: Object.fromEntries(
      keys.filter((key) => advised[key] !== asked[key]).map((key) => [key, advised[key]]),
    ),
    ...(options.method !== 'full' && baseWeights && !sameChoices(baseWeights, held) && { baseWeights }),
  };
}

/** The memory planner as the page asks it. */
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
import { planBase, planMemory } from '../train/memory-plan.ts';
import { checkOptions } from '../train/options.ts';
import type { BaseWeights, RunMemory, RunOptions } from './api.ts';
import { rowsOf } from './data.ts';
import type { OpenModel } from './model.ts';
import { trainOptions } from './run-options.ts';
import { chatTokens, type Session } from './session.ts';

/** Plans a run on the open model and data. @throws GraftError `train-option`, `lora-config` */
export async function planRun(
  options: RunOptions,
  { model, content }: OpenModel,
  { data, chatting }: Session,
): Promise<RunMemory> {
  const train = trainOptions(options);
  checkOptions(train);
  const { device, definition } = model;
  const rows = data?.modelContent === content ? rowsOf(data, 'train') : [];
  const settings: AdviceSettings = {
    precision: model.dtype,
    baseWeights: model.weightChoices,
    storedAs: model.storedAs,
    options: train,
    // Answers on the way share the chat's cache, which stays once it is there.
    ...((options.sampleEvery > 0 || chatting) && {
      samples: { maxLength: chatTokens(definition.shape.maxPositions) },
    }),
    ...(data &&
      rows.length > 0 && { buckets: runBuckets(train, rows, validationRows(rowsOf(data, 'validation'))) }),
  };
  const { minimumBytes: _, ...plan } = await planMemory(device, definition, settings);
  const problems = memoryProblems(plan, device.limits);
  const advice = problems.length > 0 ? await adviseMemory(device, definition, settings) : [];
  const other = otherBase(model, plan);
  return {
    ...plan,
    problems,
    advice: advice.map((entry) => ({ ...pick(entry), ...changesOf(entry, options, model.weightChoices) })),
    ...(other && { otherBase: other }),
  };
}

function pick({ text, peakBytes, fits }: Advice): Pick<Advice, 'text' | 'peakBytes' | 'fits'> {
  return { text, peakBytes, fits };
}

/** Another way to hold the base is worth a word if it changes at least this share of the run's memory. */
const WORTH = 0.1;

/** The base in four bits where that saves much; as stored where it is held otherwise. */
function otherBase(
  { device, definition, dtype, storedAs, weightChoices }: OpenModel['model'],
  { peakBytes, parts }: Pick<RunMemory, 'peakBytes' | 'parts'>,
): RunMemory['otherBase'] {
  const isStored = sameChoices(weightChoices);
  const baseWeights: BaseWeights = isStored ? { matrices: FOUR_BITS } : AS_STORED;
  const { bytes } = planBase(device, definition, { precision: dtype, baseWeights, storedAs });
  return !isStored || parts.base - bytes >= WORTH * peakBytes ? { baseWeights, bytes } : undefined;
}

/** The settings that differ, and how the base would be held if that does. Neither where a model would have to be opened in half precision. */
function changesOf(
  { settings: { options, baseWeights } }: Advice,
  asked: RunOptions,
  held: BaseWeights,
): Pick<RunMemory['advice'][number], 'change' | 'baseWeights'> {
  const { batch, accumulate, maxLength, checkpointing } = options;
  const advised = { batch, accumulate, maxLength, checkpointing, rank: options.lora.rank };
  const keys = Object.keys(advised) as (keyof typeof advised)[];
  return {
    change: Object.fromEntries(
      keys.filter((key) => advised[key] !== asked[key]).map((key) => [key, advised[key]]),
    ),
    ...(baseWeights && !sameChoices(baseWeights, held) && { baseWeights }),
  };
}

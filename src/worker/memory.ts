/** The memory planner as the page asks it. */
import { storedLike } from '../model/base-weights.ts';
import { runBuckets } from '../train/buckets.ts';
import { validationRows } from '../train/order.ts';
import { adviseMemory, memoryProblems, type Advice, type AdviceSettings } from '../train/memory-advice.ts';
import { planMemory } from '../train/memory-plan.ts';
import { checkOptions } from '../train/options.ts';
import type { RunMemory, RunOptions } from './api.ts';
import { rowsOf } from './data.ts';
import type { OpenModel } from './model.ts';
import { trainOptions } from './run-options.ts';
import { chatTokens, type Session } from './session.ts';

/** Plans a run on the open model and data. @throws GraftError `train-option`, `lora-config` */
export async function planRun(
  options: RunOptions,
  { model, fingerprint }: OpenModel,
  { data, chatting }: Session,
): Promise<RunMemory> {
  const train = trainOptions(options);
  checkOptions(train);
  const { device, definition } = model;
  const rows = data?.modelFingerprint === fingerprint ? rowsOf(data, 'train') : [];
  const settings: AdviceSettings = {
    precision: model.dtype,
    baseWeights: model.weightChoices,
    storedAs: storedLike(model.weights),
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
  return {
    ...plan,
    problems,
    advice: advice.map((entry) => ({ ...pick(entry), change: changeOf(entry, options) })),
  };
}

function pick({ text, peakBytes, fits }: Advice): Pick<Advice, 'text' | 'peakBytes' | 'fits'> {
  return { text, peakBytes, fits };
}

/** The settings that differ. None do where another model would have to be opened: in half precision, or in four bits. */
function changeOf(
  { settings: { options } }: Advice,
  asked: RunOptions,
): RunMemory['advice'][number]['change'] {
  const { batch, accumulate, maxLength, checkpointing } = options;
  const advised = { batch, accumulate, maxLength, checkpointing, rank: options.lora.rank };
  const keys = Object.keys(advised) as (keyof typeof advised)[];
  return Object.fromEntries(
    keys.filter((key) => advised[key] !== asked[key]).map((key) => [key, advised[key]]),
  );
}

/** The memory of a run, known before it starts, and changes that make it smaller. */
import { learnerOf } from '../adapters/learners.ts';
import { GraftError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { AS_STORED, sameChoices, type WeightChoices } from '../model/weight-types.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { shorterRows, type ShorterRows } from '../data/shorter-rows.ts';
import type { RunBuckets } from '../train/buckets.ts';
import { baseWeightsOf } from '../train/loading.ts';
import { runBuckets } from '../train/step-kinds.ts';
import { validationRows } from '../train/order.ts';
import {
  adviseMemory,
  FOUR_BITS,
  memoryProblems,
  type Advice,
  type AdviceSettings,
} from '../train/memory-advice.ts';
import {
  planBase,
  planMemory,
  type Largest,
  type MemoryParts,
  type MemoryPlan,
  type MemorySettings,
  type SplitWeight,
} from '../train/memory-plan.ts';
import { plannedWords } from '../train/layout-words.ts';
import { rowsOf, type RowSet } from '../data/row-set.ts';
import { withReference } from './trainable.ts';
import { checkSpec, hasRank, type RunSpec, specOf, type FormSpec } from '../settings/spec.ts';

/** A change that makes a run smaller: settings, and the types of the base weights if these change. */
export interface MemoryAdvice {
  readonly text: string;
  readonly change: Partial<Pick<FormSpec, 'batch' | 'accumulate' | 'maxLength' | 'rank' | 'checkpointing'>>;
  readonly baseWeights?: WeightChoices;
  /** Peak of the run with the change made. */
  readonly peakBytes: number;
  /** Whether this adapter can run it with the change. The GPU's memory is unknown. */
  readonly fits: boolean;
}

/** GPU memory of a run, in bytes, known before it starts. */
export interface RunMemory {
  /** The most that exists at once. */
  readonly peakBytes: number;
  /** Bytes while steps run, as `StepPoint.gpuBytes` should show. */
  readonly steadyBytes: number;
  readonly parts: MemoryParts;
  readonly largestBuffer: Largest;
  readonly largestBinding: Largest;
  readonly split: readonly SplitWeight[];
  /** The reasons why this adapter cannot run it; empty if the run fits. */
  readonly problems: readonly {
    readonly limit: 'buffer' | 'binding' | 'memory' | 'dispatch';
    readonly label: string;
    /** For a dispatch: workgroups. */
    readonly bytes: number;
    readonly allowed: number;
  }[];
  /** What to change if it does not fit, best first. */
  readonly advice: readonly MemoryAdvice[];
  /** The run with activation checkpointing, if it is off and would save much. */
  readonly checkpointed?: { readonly peakBytes: number };
  /** Other types of the base weights, with the memory of the run then: much smaller, or as stored. */
  readonly otherBase?: { readonly baseWeights: WeightChoices; readonly bytes: number };
  readonly dispatches: number;
  readonly submits: number;
  /** What repeats in its rows, and whether that is computed once: a sentence. Missing if little repeats. */
  readonly repeated?: string;
}

/** Why a run cannot even be planned, and what would make it smaller. */
export class TooLarge extends GraftError {
  constructor(
    { code, what, remedy }: GraftError,
    readonly advice: readonly MemoryAdvice[],
  ) {
    super(code, what, remedy);
  }
}

/** The device and the model of a plan. */
export interface PlannedOn {
  readonly model: LanguageModel;
  /** Identifies its content: rows belong to it. */
  readonly content: string;
  readonly tokenizer: Tokenizer;
}

/**
 * Plans a run on a model and rows.
 *
 * @param data the open rows; those of another model do not count
 * @param sampleTokens the longest prompt with its answer, if the run answers prompts
 * @throws GraftError `train-option`, `lora-config`; {@link TooLarge} if it cannot be planned
 */
export async function planRun(
  options: FormSpec,
  { model, content, tokenizer }: PlannedOn,
  data: RowSet | undefined,
  sampleTokens: number,
): Promise<RunMemory> {
  const train = withReference(specOf(options), options.start !== undefined);
  checkSpec(train);
  const { device, definition } = model;
  const rows = data?.modelContent === content ? rowsOf(data, 'train') : [];
  const asked: AdviceSettings = {
    precision: model.dtype,
    baseWeights: baseWeightsOf(train, model.weightChoices),
    storedAs: model.storedAs,
    options: train,
    // Other memory on the GPU, such as the chat's cache, does not count for a run that answers nothing.
    ...(options.sampleEvery > 0 && { samples: { maxLength: sampleTokens } }),
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
        besideBytes: besideBytes(model, train),
        ...(known && { bucketsOf: bucketsOf(train, known, tokenizer.bosId) }),
      })
    ).map((entry) => ({ ...pick(entry), ...changesOf(entry, options, model.weightChoices) }));
  let planned: MemoryPlan;
  try {
    planned = await planBeside(model, settings);
  } catch (error) {
    if (!(error instanceof GraftError) || error.code !== 'train-tokens') throw error;
    throw new TooLarge(error, await advise());
  }
  const { minimumBytes: _, ...plan } = planned;
  const problems = memoryProblems(plan, device.limits);
  const other = learnerOf(train).trainsModel ? undefined : otherBase(model, plan);
  const checkpointed = problems.length > 0 ? undefined : await checkpointedPlan(model, settings, plan);
  return {
    ...plan,
    problems,
    advice: problems.length > 0 ? await advise() : [],
    ...(checkpointed && { checkpointed }),
    ...(other && { otherBase: other }),
    ...(settings.buckets?.repeated && { repeated: plannedWords(settings.buckets) }),
  };
}

/** All weights are trained on a copy of the model: the open one stays loaded for the chat. */
function besideBytes(
  { device, definition, dtype: precision, storedAs, weightChoices: baseWeights }: LanguageModel,
  options: Pick<RunSpec, 'method'>,
): number {
  return learnerOf(options).trainsModel
    ? planBase(device.lowering, definition, { precision, baseWeights, storedAs }).bytes
    : 0;
}

async function planBeside(model: LanguageModel, settings: MemorySettings): Promise<MemoryPlan> {
  const plan = await planMemory(model.device.lowering, model.definition, settings);
  const bytes = besideBytes(model, settings.options);
  return {
    ...plan,
    peakBytes: plan.peakBytes + bytes,
    steadyBytes: plan.steadyBytes + bytes,
    parts: { ...plan.parts, base: plan.parts.base + bytes },
  };
}

/** Activation checkpointing is offered if it saves at least this share of the run's memory, and this many bytes. */
const WORTH_CHECKPOINTING = { share: 0.3, bytes: 64 * 2 ** 20 };

/** The run with activation checkpointing, if that saves much. */
async function checkpointedPlan(
  model: LanguageModel,
  settings: MemorySettings,
  { peakBytes, parts }: Pick<RunMemory, 'peakBytes' | 'parts'>,
): Promise<RunMemory['checkpointed']> {
  const min = Math.max(WORTH_CHECKPOINTING.bytes, WORTH_CHECKPOINTING.share * peakBytes);
  // It saves at most the activations, so most small runs need no second plan.
  if (settings.options.checkpointing || parts.activations < min) return undefined;
  const options = { ...settings.options, checkpointing: true };
  const plan = await planBeside(model, { ...settings, options });
  return peakBytes - plan.peakBytes >= min ? { peakBytes: plan.peakBytes } : undefined;
}

function pick({ text, peakBytes, fits }: Advice): Pick<Advice, 'text' | 'peakBytes' | 'fits'> {
  return { text, peakBytes, fits };
}

/** Other types of the base weights are offered if they change at least this share of the run's memory. */
const WORTH = 0.1;

/** The base in four bits if that saves much; as stored if it has other types now. */
function otherBase(
  { device, definition, dtype, storedAs, weightChoices }: LanguageModel,
  { peakBytes, parts }: Pick<RunMemory, 'peakBytes' | 'parts'>,
): RunMemory['otherBase'] {
  const isStored = sameChoices(weightChoices);
  const baseWeights: WeightChoices = isStored ? { matrices: FOUR_BITS } : AS_STORED;
  const { bytes } = planBase(device.lowering, definition, { precision: dtype, baseWeights, storedAs });
  return !isStored || parts.base - bytes >= WORTH * peakBytes ? { baseWeights, bytes } : undefined;
}

/** The settings that differ, and the types of the base weights if they differ; neither if a model would have to be opened in half precision. */
function changesOf(
  { settings: { options, baseWeights } }: Pick<Advice, 'settings'>,
  asked: FormSpec,
  held: WeightChoices,
): Pick<RunMemory['advice'][number], 'change' | 'baseWeights'> {
  const { batch, accumulate, maxLength, checkpointing } = options;
  const rank = hasRank(options) ? options.rank : asked.rank;
  const advised = { batch, accumulate, maxLength, checkpointing, rank };
  const keys = Object.keys(advised) as (keyof typeof advised)[];
  return {
    change: Object.fromEntries(
      keys.filter((key) => advised[key] !== asked[key]).map((key) => [key, advised[key]]),
    ),
    ...(!learnerOf(options).trainsModel && baseWeights && !sameChoices(baseWeights, held) && { baseWeights }),
  };
}

/**
 * The sizes of a run's micro-batches with other settings, from the open rows as these settings cut them.
 *
 * @param train the current settings
 * @param bosId of the tokenizer that made the rows
 */
function bucketsOf(
  train: RunSpec,
  data: RowSet,
  bosId: number | undefined,
): NonNullable<AdviceSettings['bucketsOf']> {
  const rows = new Map<number, ShorterRows | undefined>();
  const buckets = new Map<string, RunBuckets | undefined>();
  const rowsAt = (maxLength: number): ShorterRows | undefined => {
    if (maxLength === train.maxLength)
      return { train: rowsOf(data, 'train'), validation: rowsOf(data, 'validation') };
    if (!rows.has(maxLength)) rows.set(maxLength, shorterRows(maxLength, data, bosId));
    return rows.get(maxLength);
  };
  return ({ batch, accumulate, maxLength }) => {
    const key = [batch, accumulate, maxLength].join();
    if (!buckets.has(key)) {
      const found = rowsAt(maxLength);
      buckets.set(key, found && sizesOf({ ...train, batch, accumulate, maxLength }, found));
    }
    return buckets.get(key);
  };
}

/** Undefined for a run of too many rows. */
function sizesOf(options: RunSpec, { train, validation }: ShorterRows): RunBuckets | undefined {
  try {
    return runBuckets(options, train, validationRows(validation));
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-option') return undefined;
    throw error;
  }
}

/**
 * The memory of a run before anything is allocated: the run is set up as a dry run, so that the
 * numbers are those of the real one, to the byte. Needs config.json alone, neither weights nor a GPU.
 */
import { READBACK_BYTES } from '../engine/device.ts';
import { DryRunDevice } from '../engine/dry-run/device.ts';
import type { Lowering } from '../engine/lowering.ts';
import { ShardedTensor } from '../engine/shards.ts';
import { flopsOf } from '../engine/size.ts';
import type { ParameterStore } from '../engine/parameters.ts';
import { MAX_WORKGROUPS } from '../engine/webgpu/target.ts';
import { GraftError } from '../errors.ts';
import type { StoredAs } from '../model/base-weights.ts';
import type { Bucket } from '../model/batch.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { Generator } from '../model/generator.ts';
import { LanguageModel } from '../model/language-model.ts';
import { Adapter } from '../adapters/adapter.ts';
import { adapterModules, kindOf } from '../adapters/registry.ts';
import type { AdapterConfig, AdapterModule } from '../adapters/kind.ts';
import type { WeightChoices } from '../model/weight-types.ts';
import type { RunBuckets } from './buckets.ts';
import { stateOf } from '../optimisers/optimiser.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { loadingOf } from './loading.ts';
import { learningOf } from './learning.ts';
import { rowInputs } from './row-inputs.ts';
import { stepKindOf } from './step-kinds.ts';
import { compileRun, statsSize, type RunPlans, type Trainable } from './step-plans.ts';
import { adapterConfigOf, adapterOf, type AdapterSpec } from '../adapters/chosen.ts';
import type { RunSpec } from '../settings/spec.ts';

/** Settings of an objective that samples. */
type SampledOptions = Partial<
  Pick<RunSpec, 'accumulate' | 'numGenerations' | 'maxCompletionLength' | 'beta' | 'temperature'>
>;

/** The settings that memory depends on. */
export interface MemorySettings {
  /** Type of activations, and of frozen matrices that are not quantised. */
  readonly precision: 'f32' | 'f16';
  /** The types of frozen matrices, as stored if left out. */
  readonly baseWeights?: WeightChoices;
  /** The types of the weights in their file, if known: plain numbers if left out. */
  readonly storedAs?: StoredAs;
  readonly options: Pick<
    RunSpec,
    | 'method'
    | 'batch'
    | 'maxLength'
    | 'rank'
    | 'dropout'
    | 'rateRatio'
    | 'checkpointing'
    | 'optimiser'
    | 'objective'
    | 'reference'
    | 'sharePrefixes'
    | 'trainWeights'
    | 'lastLayers'
  > &
    SampledOptions;
  /** The layers of an adapter that the run starts from. */
  readonly modules?: readonly AdapterModule[];
  /** Sizes of the micro-batches if the rows are known; otherwise full ones, every token supervised. */
  readonly buckets?: RunBuckets;
  /** For sample answers during training: tokens of an answer, prompt included. */
  readonly samples?: { readonly maxLength: number };
}

/** Bytes by purpose. */
export interface MemoryParts {
  /** The weights of the base model. */
  readonly base: number;
  /** The adapter's parameters, and those of the adapter that it starts from if sampled answers are compared with that. */
  readonly adapter: number;
  readonly gradients: number;
  /** The optimiser's state, such as AdamW's two moments, and the values before the last update, which are restored if a loss is not finite. */
  readonly optimiser: number;
  /**
   * Activations that the forward keeps for the backward pass, and scratch, in slots that all plans share; keys and values of sampled answers. If an
   * adapter's initial values are made from rows and that takes more memory than the run, the difference.
   */
  readonly activations: number;
  /** Token ids, ranges, labels. */
  readonly inputs: number;
  /** Parameters of the dispatches, and of the optimiser. */
  readonly commands: number;
  /** The KV cache and the plans for sample answers. */
  readonly samples: number;
  /** Staging buffers for the host: losses, and parts of the adapter for a checkpoint. */
  readonly staging: number;
}

/** A weight that is too large for one buffer or binding and is split into shards. */
export interface SplitWeight {
  readonly label: string;
  readonly pieces: number;
  /** Bytes of the largest. */
  readonly bytes: number;
}

/** A buffer or a binding, by the name of its content. */
export interface Largest {
  readonly label: string;
  readonly bytes: number;
}

export interface MemoryPlan {
  /** The most that exists at once: the sum of the parts. */
  readonly peakBytes: number;
  /** Bytes while steps run: all but the readback of a checkpoint. */
  readonly steadyBytes: number;
  /** `peakBytes` with the least memory that any assignment of slots needs. */
  readonly minimumBytes: number;
  readonly parts: MemoryParts;
  readonly largestBuffer: Largest;
  readonly largestBinding: Largest;
  /** The most workgroups along one side of a dispatch. */
  readonly largestDispatch: { readonly label: string; readonly workgroups: number };
  readonly split: readonly SplitWeight[];
  /** In a step with one micro-batch. */
  readonly dispatches: number;
  /** Those of forward and backward, divided by the layers of the model: head, loss and embedding included. */
  readonly dispatchesPerLayer: number;
  readonly submits: number;
  /** Floating-point operations of such a step. */
  readonly flops: number;
}

/** Additional bytes while a state is saved: the largest part that is copied to the host. */
export const readbackBytes = (
  { readsInPlace }: Lowering,
  { largestSegment }: Pick<ParameterStore, 'largestSegment'>,
): number => (readsInPlace ? 0 : Math.min(READBACK_BYTES, largestSegment));

/**
 * Plans a run.
 *
 * @param lowering of the device that it will run on: features, limits, tuning
 * @throws GraftError `lora-config`, `train-tokens`
 */
export async function planMemory(
  lowering: Lowering,
  definition: ModelDefinition,
  { options, buckets, samples, modules, ...weights }: MemorySettings,
): Promise<MemoryPlan> {
  const learning = learningOf(options);
  const planned = buckets ?? stepKindOf(learning.objective).fullBuckets(options, learning.objective);
  checkTokens(planned.gradients, options);
  const device = new DryRunDevice(lowering);
  const model = LanguageModel.empty(device, definition, { ...weights, ...loadingOf(options) });
  const beginBytes = modules ? 0 : await planBeginning(device, model, options, planned);
  const trainable = emptyTrainable(model, options, modules);
  const { store, adapter } = trainable;
  const plane = store.valueBytes;
  const fixed = adapter?.fixedBytes ?? 0;
  // Weights of the model that learn are its own, and values of an adapter are not.
  const base = device.allocatedBytes - store.bytes - fixed + (adapter ? 0 : plane);

  const plans = await compileRun(
    trainable,
    planned,
    {
      dropout: options.dropout,
      checkpointing: options.checkpointing,
      optimiser: optimiserOf(options.optimiser),
      learning,
    },
    () => undefined,
  );
  const beforeRing = device.allocatedBytes;
  for (let task = 0; task < (planned.tasks ?? 1); task++)
    device.createStaging(statsSize(learning.objective) * 4, 'steps');
  const ring = device.allocatedBytes - beforeRing;
  const activations = model.pool.bytes + (plans.generator?.cacheBytes ?? 0);
  const beforeSamples = device.allocatedBytes;
  if (samples) await new Generator(model, 1, samples.maxLength).prepare(adapter);
  const steadyBytes = device.allocatedBytes;
  const readback = readbackBytes(lowering, store);
  const all = plansOf(plans);
  const sum = (bytes: (plan: (typeof all)[number]) => number): number =>
    all.reduce((total, plan) => total + bytes(plan), 0);
  const parts: Omit<MemoryParts, 'commands'> = {
    base,
    adapter: (adapter ? plane + fixed : 0) + (plans.start?.bytes ?? 0),
    gradients: plane,
    optimiser: store.bytes - 2 * plane,
    activations: activations + Math.max(0, beginBytes - steadyBytes - readback),
    inputs: sum((plan) => plan.pinnedBytes),
    samples: steadyBytes - beforeSamples,
    staging: ring + readback,
  };
  const runBytes = steadyBytes + readback;
  const peakBytes = Math.max(runBytes, beginBytes);
  const largest = plans.gradients[plans.gradients.length - 1].plan;
  return {
    peakBytes,
    steadyBytes,
    minimumBytes: Math.max(
      runBytes - model.pool.bytes + Math.max(...all.map(({ size }) => size.memory.minimumBytes)),
      beginBytes,
    ),
    parts: { ...parts, commands: peakBytes - Object.values(parts).reduce((a, b) => a + b, 0) },
    largestBuffer: device.largestBuffer,
    largestBinding: all
      .map(({ size }) => size.largestBinding)
      .reduce((most, other) => (other.bytes > most.bytes ? other : most)),
    largestDispatch: all
      .map(({ size }) => size.largestDispatch)
      .reduce((most, other) => (other.workgroups > most.workgroups ? other : most)),
    split: splitWeights(model),
    dispatches: largest.size.commands.length + plans.update.size.commands.length,
    dispatchesPerLayer: largest.size.commands.length / definition.shape.layers,
    submits: largest.submits + plans.update.submits,
    flops: flopsOf([largest, plans.update]),
  };
}

/** Sums and directions are read back: at most this many bytes at once for each column of all inputs. */
const READ_OF_COLUMN = 128;

/** The peak while an adapter's initial values are made from rows; 0 if it reads none. All of it is freed before the run. */
async function planBeginning(
  device: DryRunDevice,
  model: LanguageModel,
  options: MemorySettings['options'],
  { starts, gradients }: RunBuckets,
): Promise<number> {
  const known = adapterOf(options);
  const fromRows = known?.kind.fromRows;
  if (!fromRows) return 0;
  const { config } = known;
  device.resetPeak();
  const readsPrompts = fromRows.readsPrompts(config);
  const inputs = rowInputs({ model, batches: [], buckets: starts ?? gradients, readsPrompts });
  await fromRows.plan(inputs, config, adapterModules(model.definition, config));
  if (device.lowering.readsInPlace) return device.peakBytes;
  const columns = inputs.inputs.reduce((sum, { width }) => sum + width, 0);
  return device.peakBytes + Math.min(READBACK_BYTES, columns * READ_OF_COLUMN);
}

/** Attention has a workgroup for 32 tokens: more tokens exceed every device, and planning them would only take minutes. */
const MAX_TOKENS = 32 * MAX_WORKGROUPS;

function checkTokens(buckets: readonly Bucket[], { batch, maxLength }: MemorySettings['options']): void {
  const tokens = Math.max(...buckets.map((bucket) => bucket.tokens));
  if (tokens <= MAX_TOKENS) return;
  throw new GraftError(
    'train-tokens',
    `A micro-batch of ${tokens} tokens (${batch} rows of up to ${maxLength}) is more than one step computes at once.`,
    `Choose a smaller batch size or shorter rows: at most ${MAX_TOKENS} tokens.`,
  );
}

interface BasePlan {
  readonly bytes: number;
  /** Names of the matrices that could not be quantised: their rows are not whole blocks. */
  readonly unquantised: readonly string[];
}

/** The memory of the base model alone: the part `base` of a run with an adapter. */
export function planBase(
  lowering: Lowering,
  definition: ModelDefinition,
  weights: Pick<MemorySettings, 'precision' | 'baseWeights' | 'storedAs'>,
): BasePlan {
  const device = new DryRunDevice(lowering);
  const model = LanguageModel.empty(device, definition, weights);
  return { bytes: device.allocatedBytes, unquantised: model.weights.unquantised ?? [] };
}

interface GenerationSettings extends Pick<MemorySettings, 'precision' | 'baseWeights' | 'storedAs'> {
  /** How many answers are generated at once. */
  readonly sequences: number;
  /** Tokens of a sequence, prompt included. */
  readonly maxLength: number;
  /** The adapter, if there is one. */
  readonly adapter?: AdapterConfig;
}

/** The memory of generation next to the base model: KV cache, adapter, plans. */
interface GenerationPlan {
  /** Base model included. */
  readonly bytes: number;
  readonly cache: number;
  /** Dispatches of a new token, divided by the layers of the model: embedding, head and choice included. */
  readonly dispatchesPerLayer: number;
}

/** Plans generation. @throws GraftError `lora-config` */
export async function planGeneration(
  lowering: Lowering,
  definition: ModelDefinition,
  { sequences, maxLength, adapter: config, ...weights }: GenerationSettings,
): Promise<GenerationPlan> {
  const device = new DryRunDevice(lowering);
  const model = LanguageModel.empty(device, definition, weights);
  const adapter = config && (await Adapter.frozen(model, adapterModules(definition, config), undefined));
  const generator = new Generator(model, sequences, maxLength);
  await generator.prepare(adapter);
  const { commands } = (await generator.decodePlan(adapter)).size;
  const dispatchesPerLayer = commands.length / definition.shape.layers;
  return { bytes: device.allocatedBytes, cache: generator.cacheBytes, dispatchesPerLayer };
}

function splitWeights({ definition, weights }: LanguageModel): SplitWeight[] {
  return definition.weights.flatMap(({ name }): SplitWeight[] => {
    const tensor = weights.find(name);
    if (!(tensor instanceof ShardedTensor)) return [];
    const sizes = tensor.shards.map((shard) => shard.tensor.bytes);
    return [{ label: name, pieces: sizes.length, bytes: Math.max(...sizes) }];
  });
}

/** What a run trains, without values: for dry runs. @param model loaded as {@link loadingOf} says */
export function emptyTrainable(
  model: LanguageModel,
  options: AdapterSpec & Pick<RunSpec, 'rateRatio' | 'optimiser'>,
  known?: readonly AdapterModule[],
): Trainable {
  if (model.parameters) return { model, store: model.parameters };
  const { rateRatio, optimiser } = options;
  const modules = known ?? largestModules(model, options);
  const adapter = new Adapter(model.device, modules, undefined, {
    trainable: true,
    rateRatio,
    state: stateOf(optimiserOf(optimiser)),
  });
  return { model, adapter, store: adapter.store };
}

/** The layers of a new adapter, each of the highest rank that it may start with. */
function largestModules({ definition }: LanguageModel, options: AdapterSpec): readonly AdapterModule[] {
  const config = adapterConfigOf(options);
  const layers = adapterModules(definition, config);
  return kindOf(config).fromRows?.largest(config, layers) ?? layers;
}

function plansOf({ gradients, losses, references, update }: RunPlans): RunPlans['update'][] {
  return [...[...gradients, ...losses, ...references].map(({ plan }) => plan), update];
}

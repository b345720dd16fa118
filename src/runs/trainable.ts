/** What a run trains: a new adapter, an existing one, or all weights of the model. */
import { learnerOf } from '../adapters/learners.ts';
import { Adapter } from '../adapters/adapter.ts';
import type {
  AdapterConfig,
  AdapterModule,
  AdapterTensors,
  Encode,
  StartProgress,
} from '../adapters/kind.ts';
import { adapterModules, initialTensors, kindOf, modulesOfState } from '../adapters/registry.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import type { AdapterData } from '../export/peft.ts';
import { GraftError } from '../errors.ts';
import { isHeld, itemOf, type List } from '../lists.ts';
import { sequencesIn, type LabelledTokens } from '../model/batch.ts';
import type { ModelDefinition } from '../model/definition.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { stateOf } from '../optimisers/optimiser.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { Random } from '../random.ts';
import { rowsOfRun, startBuckets } from '../train/buckets.ts';
import { arranged } from '../train/learning.ts';
import { rowBatches, rowInputs } from '../train/row-inputs.ts';
import type { NamedArrays } from '../train/state.ts';
import type { Trainable } from '../train/step-plans.ts';
import { secondsUntilDone } from '../train/time-left.ts';
import { adapterConfigOf, withAdapter, withUsualTargets } from '../adapters/chosen.ts';
import type { RunSpec } from '../settings/spec.ts';

/** An adapter without its values. */
export interface AdapterShape {
  readonly config: AdapterConfig;
  readonly modules: readonly AdapterModule[];
}

export interface TrainedSubject {
  readonly trainable: Trainable;
  /** Missing if all weights are trained. */
  readonly adapter?: AdapterShape;
  /** The settings, with those of the adapter that the run starts from. */
  readonly options: RunSpec;
}

/** The progress of an adapter's start, and the seconds left if known. */
export interface TimedStart extends StartProgress {
  readonly seconds?: number;
}

/** What the initial values of an adapter may depend on. */
export interface InitialValues {
  /** Ids of a text by the tokenizer of the base, for an adapter that starts as one. */
  readonly encode?: Encode;
  /** The rows that the run trains on, for a kind that reads some first. */
  readonly rows?: List<LabelledTokens>;
  /** Values of the saved state that the run continues from: then nothing is computed, and the caller writes them. */
  readonly saved?: NamedArrays;
  /** Called with the progress of the start, if it takes long; throwing ends it. */
  readonly report?: (progress: TimedStart) => void;
}

/**
 * @param model loaded as `loadingOf` says
 * @param start an adapter to train further: its kind and settings replace those of the run, except for dropout
 * @throws GraftError `lora-config`, `train-option`, `train-rows`, `engine-…`, and what `report` throws
 */
export async function makeTrainable(
  model: LanguageModel,
  asked: RunSpec,
  start?: AdapterData,
  beginnings: InitialValues = {},
): Promise<TrainedSubject> {
  if (learnerOf(asked).trainsModel) {
    checkStart(asked, start !== undefined);
    const options = specOnModel(asked, model.definition);
    const store = model.parameters;
    if (!store) throw new Error('A full fine-tuning needs a model that was loaded as trainable');
    return { trainable: { model, store }, options };
  }
  const settings = specOnModel(asked, model.definition, start?.config);
  const { encode, saved } = beginnings;
  const report = timed(beginnings.report);
  const { tensors, ...shape } = start
    ? { config: adapterConfigOf(settings), modules: start.modules, tensors: start.tensors }
    : await newAdapter(model, settings, { ...beginnings, report });
  if (settings.reference === 'base' && addedTokens(shape.modules))
    throw new GraftError(
      'train-option',
      'The reference policy is the base model, which has no rows for new tokens.',
      'Start from an adapter that has them, which is the reference then.',
    );
  const adapter = new Adapter(model.device, shape.modules, saved ? undefined : tensors, {
    trainable: true,
    rateRatio: settings.rateRatio,
    state: stateOf(optimiserOf(settings.optimiser)),
  });
  try {
    if (!saved) await adapter.start(model, { seed: settings.seed, encode, report });
  } catch (error) {
    if (!model.device.failure) adapter.destroy();
    throw error;
  }
  return { trainable: { model, adapter, store: adapter.store }, adapter: shape, options: settings };
}

/** The layers of a new adapter, and the values that do not come from the weights of the base. */
async function newAdapter(
  model: LanguageModel,
  options: RunSpec,
  { rows, saved, report = () => undefined }: InitialValues,
): Promise<AdapterShape & { readonly tensors?: AdapterTensors }> {
  if (saved) return adapterShape(model.definition, options, saved);
  const { config, modules } = adapterShape(model.definition, options);
  const { fromRows } = kindOf(config);
  if (!fromRows) return { config, modules, tensors: initialTensors(modules, options.seed) };
  if (!rows) throw new Error(`The kind ${options.method} starts from rows, and there are none`);
  const checked = isHeld(rows) ? rows : rowsOfRun(rows, options).map((row) => itemOf(rows, row));
  for (const ids of checked.flatMap(sequencesIn)) model.checkIds(ids);
  const readsPrompts = fromRows.readsPrompts(config);
  const batches = rowBatches(arranged(options, rows), options);
  const inputs = rowInputs({ model, batches, buckets: startBuckets(batches, readsPrompts), readsPrompts });
  const context = { random: new Random(options.seed), report };
  const begun = await fromRows.begin(inputs, config, modules, context);
  return { ...narrowed(config, modules, begun.modules), tensors: begun.tensors };
}

/** The configuration for the remaining layers, if some were left out. */
function narrowed(
  config: AdapterConfig,
  all: readonly AdapterModule[],
  modules: readonly AdapterModule[],
): AdapterShape {
  const targets = modules.filter(({ kind }) => kind === config.kind).map(({ path }) => path);
  return { config: modules.length < all.length ? { ...config, targets } : config, modules };
}

/** Adds the time left, by the speed so far. */
function timed(report: InitialValues['report'] = () => undefined): (progress: StartProgress) => void {
  let began = performance.now();
  let last: StartProgress | undefined;
  return (progress) => {
    const { what, done, total } = progress;
    if (what !== last?.what || done < last.done) began = performance.now();
    last = progress;
    const seconds = secondsUntilDone((performance.now() - began) / 1000, done, total);
    // Reading may end early, so its time left is unknown.
    report({ ...progress, ...(what === 'vectors' && seconds !== undefined && { seconds }) });
  };
}

/**
 * The specification on a model: with its usual layers, the reference policy, and kind and shape of the adapter that the run starts from. What is planned,
 * printed and run is made of it.
 */
export function specOnModel(
  asked: RunSpec,
  definition: Pick<ModelDefinition, 'linears'>,
  start?: AdapterConfig,
): RunSpec {
  const spec = withReference(withUsualTargets(asked, definition), start !== undefined);
  return start ? withAdapter(spec, start) : spec;
}

/**
 * The default reference policy is the adapter that the run starts from, or else the base model alone.
 *
 * @param starts whether the run starts, or a resumed run started, from an adapter
 * @throws Error as `objectiveOf`
 */
export function withReference(options: RunSpec, starts: boolean): RunSpec {
  const { objective, reference = starts ? 'start' : 'base' } = options;
  const { reference: isKnown, compares } = objectiveOf(objective);
  return isKnown || compares?.({ ...options }) ? { ...options, reference } : options;
}

/**
 * The shape of a new adapter with these settings.
 *
 * @param saved values of a saved state, for a kind that decides ranks as it starts
 * @throws GraftError `lora-config`
 */
export function adapterShape(model: ModelDefinition, options: RunSpec, saved?: NamedArrays): AdapterShape {
  const config = adapterConfigOf(options);
  const modules = adapterModules(model, config);
  if (!saved) return { config, modules };
  return narrowed(
    config,
    modules,
    modulesOfState(config, modules, (name) => saved.get(name)?.length),
  );
}

/** @throws GraftError `train-option` for a full fine-tuning that should start from an adapter */
export function checkStart({ method }: Pick<RunSpec, 'method'>, starts: boolean): void {
  if (learnerOf({ method }).trainsModel && starts)
    throw new GraftError(
      'train-option',
      'A run that trains all weights cannot start from an adapter.',
      'Merge the adapter first, and train the merged model.',
    );
}

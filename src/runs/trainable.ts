/** What a run trains: a new adapter, an existing one, or all weights of the model. */
import { Adapter } from '../adapters/adapter.ts';
import type { AdapterConfig, AdapterModule, Encode } from '../adapters/kind.ts';
import { adapterModules, initialTensors } from '../adapters/registry.ts';
import { addedTokens } from '../adapters/tokens/tokens.ts';
import type { AdapterData } from '../export/peft.ts';
import { GraftError } from '../errors.ts';
import type { ModelDefinition } from '../model/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import { adapterConfigOf, withAdapter, type TrainOptions } from '../train/options.ts';
import type { Trainable } from '../train/step-plans.ts';

/** An adapter without its values. */
export interface AdapterShape {
  readonly config: AdapterConfig;
  readonly modules: readonly AdapterModule[];
}

export interface Subject {
  readonly trainable: Trainable;
  /** Missing where all weights are trained. */
  readonly adapter?: AdapterShape;
  /** The settings, with those of the adapter that the run starts from. */
  readonly options: TrainOptions;
}

/**
 * @param model loaded as trainable where the method is `full`
 * @param start an adapter to train further: its kind and settings replace those of the run, except for dropout
 * @param encode ids of a text by the tokenizer of the base, for an adapter that begins as one
 * @throws GraftError `lora-config`, `train-option`, `engine-…`
 */
export async function makeTrainable(
  model: LanguageModel,
  asked: TrainOptions,
  start?: AdapterData,
  encode?: Encode,
): Promise<Subject> {
  const options = withReference(asked, start !== undefined);
  if (options.method === 'full') {
    checkStart(options, start !== undefined);
    const store = model.parameters;
    if (!store) throw new Error('A full fine-tuning needs a model that was loaded as trainable');
    return { trainable: { model, store }, options };
  }
  const { dropout } = options.lora;
  const started = start ? withAdapter(options, start.config) : options;
  const settings: TrainOptions = { ...started, lora: { ...started.lora, dropout } };
  const { config, modules } = start
    ? { config: adapterConfigOf(settings), modules: start.modules }
    : adapterShape(model.definition, settings);
  if (settings.reference === 'base' && addedTokens(modules))
    throw new GraftError(
      'train-option',
      'The reference policy is the bare base, which has no rows for new tokens.',
      'Start from an adapter that has them, which is the reference then.',
    );
  const tensors = start?.tensors ?? initialTensors(modules, options.seed);
  const adapter = new Adapter(model.device, modules, tensors, {
    trainable: true,
    rateRatio: options.rateRatio,
    state: optimiserOf(options.optimiser).kernel.planes,
  });
  await adapter.start(model, { seed: options.seed, encode });
  return {
    trainable: { model, adapter, store: adapter.store },
    adapter: { config, modules },
    options: settings,
  };
}

/**
 * The default reference policy is the adapter that the run starts from, or else the base model alone.
 *
 * @param starts whether the run starts, or a resumed run started, from an adapter
 */
export function withReference(options: TrainOptions, starts: boolean): TrainOptions {
  const { objective, beta = 0, reference = starts ? 'start' : 'base' } = options;
  const { reference: isKnown, rows } = objectiveOf(objective);
  // Sampled answers are compared with it where that has a weight.
  return isKnown || (rows === 'prompts' && beta > 0) ? { ...options, reference } : options;
}

/** The shape of a new adapter with these settings. @throws GraftError `lora-config` */
export function adapterShape(
  model: ModelDefinition,
  options: Pick<TrainOptions, 'method' | 'lora'>,
): AdapterShape {
  const config = adapterConfigOf(options);
  return { config, modules: adapterModules(model, config) };
}

/** @throws GraftError `train-option` for all weights that should start from an adapter */
export function checkStart({ method }: Pick<TrainOptions, 'method'>, starts: boolean): void {
  if (method === 'full' && starts)
    throw new GraftError(
      'train-option',
      'A run that trains all weights cannot start from an adapter.',
      'Merge the adapter first, and train the merged model.',
    );
}

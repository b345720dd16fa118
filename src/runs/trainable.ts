/** What a run trains: a new adapter, one that is there already, or all weights of the model. */
import type { AdapterData } from '../export/peft.ts';
import { GraftError } from '../errors.ts';
import type { ModelDefinition } from '../model/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Adapter, initialTensors, loraModules, type LoraConfig, type LoraModule } from '../model/lora.ts';
import { optimiserOf } from '../optimisers/registry.ts';
import type { TrainOptions } from '../train/options.ts';
import type { Trainable } from '../train/step-plans.ts';

/** An adapter without its values. */
export interface AdapterShape {
  readonly config: LoraConfig;
  readonly modules: readonly LoraModule[];
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
 * @param start an adapter to go on training; its rank, alpha and targets stand for those of the settings, which give the dropout
 * @throws GraftError `lora-config`, `train-option`
 */
export function makeTrainable(model: LanguageModel, options: TrainOptions, start?: AdapterData): Subject {
  if (options.method === 'full') {
    checkStart(options, start !== undefined);
    const store = model.parameters;
    if (!store) throw new Error('A full fine-tuning needs a model that was loaded as trainable');
    return { trainable: { model, store }, options };
  }
  const { device, definition } = model;
  const { config, modules } = start
    ? { ...start, config: { ...start.config, dropout: options.lora.dropout } }
    : adapterShape(definition, options);
  const tensors = start?.tensors ?? initialTensors(modules, options.seed);
  const adapter = new Adapter(device, modules, tensors, {
    trainable: true,
    rateRatio: options.rateRatio,
    state: optimiserOf(options.optimiser).kernel.planes,
  });
  return {
    trainable: { model, adapter, store: adapter.store },
    adapter: { config, modules },
    options: { ...options, lora: config },
  };
}

/** The shape of a new adapter with these settings. @throws GraftError `lora-config` */
export function adapterShape(model: ModelDefinition, { lora }: Pick<TrainOptions, 'lora'>): AdapterShape {
  return { config: lora, modules: loraModules(model, lora) };
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

/** The matrix products that training and decoding of a model spend their time on, from plans on a dry run. */
import { Adapter } from '../adapters/adapter.ts';
import { adapterConfigOf } from '../adapters/chosen.ts';
import { adapterModules } from '../adapters/registry.ts';
import { DryRunDevice } from '../engine/dry-run/device.ts';
import { sizePlan } from '../engine/size.ts';
import type { Dispatch } from '../engine/webgpu/dispatch.ts';
import type { GpuLowering } from '../engine/webgpu/lowering.ts';
import { productClasses, type ProductClass } from '../engine/webgpu/product-class.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { LanguageModel } from '../model/language-model.ts';
import { GenerationState } from '../model/generation-state.ts';
import { Decoder } from '../model/replays.ts';
import { defaultSpec } from '../settings/spec.ts';
import { emptyTrainable, type MemorySettings } from '../train/memory-plan.ts';
import { recordGradients, sharedTensors } from '../train/step-plans.ts';

/** Classes of a step of training, and of a new token. */
const OF_TRAINING = 6;
const OF_DECODING = 2;
/** Places of a cache: products of a new token do not depend on them. */
const CACHE = 64;

/** What the products of a model depend on. */
export type ProductSettings = Pick<MemorySettings, 'precision' | 'baseWeights' | 'storedAs'> & {
  /** Tokens of a micro-batch. */
  readonly tokens: number;
  /** Rank of the adapter. */
  readonly rank: number;
};

/**
 * At most eight classes: those of a LoRA step over full rows that take the most operations, each layout among them, and those of a new token.
 *
 * @param lowering of the GPU that the kernels are measured on
 */
export async function classesOfModel(
  lowering: GpuLowering,
  definition: ModelDefinition,
  { tokens, rank, ...weights }: ProductSettings,
): Promise<ProductClass[]> {
  const model = LanguageModel.empty(new DryRunDevice(lowering), definition, weights);
  const spec = { ...defaultSpec(), rank };
  const bucket = { tokens, rows: tokens };
  const { tape } = recordGradients(emptyTrainable(model, spec), bucket, sharedTensors(model), {});
  const training = productClasses(sizePlan(tape, lowering).commands, OF_TRAINING);
  // An encoder writes nothing.
  if (definition.pooling !== undefined) return training;
  const modules = adapterModules(definition, adapterConfigOf(spec));
  const adapter = await Adapter.frozen(model, modules, undefined);
  const options = { state: new GenerationState(model, 1, CACHE), adapter };
  const { plan } = await Decoder.compile(model, options, 1);
  const decoding = productClasses(plan.size.commands as readonly Dispatch[], OF_DECODING);
  return [...training, ...decoding];
}

/** What the cases of the self-test share: their form, their tolerances, and models of random weights. */
import { Adapter } from '../adapters/adapter.ts';
import type { AdapterTensors } from '../adapters/kind.ts';
import { adapterModules, initialTensors } from '../adapters/registry.ts';
import type { Device } from '../engine/device.ts';
import type { JsonObject } from '../json.ts';
import { LanguageModel } from '../model/language-model.ts';
import { randomFiles } from '../model/random-files.ts';
import type { WeightChoice } from '../model/weight-types.ts';
import { Random } from '../random.ts';
import { defaultSpec } from '../settings/spec.ts';
import { computeGradients } from '../train/gradients.ts';

/** The results of one case, by name. */
export type TestValues = ReadonlyMap<string, ArrayLike<number>>;

export interface SelfTestCase {
  readonly name: string;
  /** The largest difference that the order of sums can cause, as a part of the largest number of a tensor. */
  readonly tolerance: number;
  readonly run: (device: Device) => Promise<TestValues>;
}

export const F32 = 1e-3;
/** Activations in half precision have 11 bits, and errors of two layers add up. */
export const F16 = 5e-2;

/** Ids of the rows are below this. */
const VOCABULARY = 200;
/** Tokens of the rows: odd, one alone, and more than a tile. */
export const LENGTHS = [3, 17, 45];

/** Sides that are no powers of two, heads that share keys, and rows of blocks for every layout that numbers are rounded to. */
export const LLAMA: JsonObject = {
  model_type: 'llama',
  hidden_size: 192,
  intermediate_size: 320,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  vocab_size: 307,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
/** Experts of which some get no token, and more choices than a tile has rows. */
export const MIXTURE_OF_EXPERTS: JsonObject = {
  model_type: 'olmoe',
  hidden_size: 96,
  intermediate_size: 52,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_key_value_heads: 3,
  num_experts: 7,
  num_experts_per_tok: 3,
  norm_topk_prob: true,
  vocab_size: 211,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
/** Attention, routers and experts. */
export const MIXTURE_TARGETS = ['all-linear', 'mlp.gate', 'experts.gate_up_proj', 'experts.down_proj'];
/** From −1 to 1. */
export const fromMinusOneToOne = (random: Random): number => 2 * random.float() - 1;

/** Rows of random tokens, of which the second half is supervised. */
export function rows(
  lengths: readonly number[] = LENGTHS,
): { readonly ids: number[]; readonly labels: number[] }[] {
  const random = new Random(5);
  return lengths.map((length) => {
    const ids = Array.from({ length }, () => random.below(VOCABULARY));
    return { ids, labels: ids.map((id, at) => (at > length / 2 || length < 4 ? id : -100)) };
  });
}

interface Over {
  readonly config?: JsonObject;
  readonly matrices?: WeightChoice | undefined;
  readonly precision?: 'f32' | 'f16';
  /** Layers with an adapter; the usual ones if left out. */
  readonly targets?: readonly string[];
}

/** Lets `use` have an adapter over a model of random weights. */
export async function testAdapter<T>(
  device: Device,
  { config = LLAMA, matrices, precision = 'f32', targets }: Over,
  use: (model: LanguageModel, adapter: Adapter) => Promise<T>,
): Promise<T> {
  const model = await LanguageModel.load(device, randomFiles('self-test', config), {
    precision,
    ...(matrices && { baseWeights: { matrices, embeddings: matrices } }),
  });
  const modules = adapterModules(model.definition, { ...defaultSpec(), ...(targets && { targets }) });
  const random = new Random(7);
  const tensors: AdapterTensors = new Map(
    [...initialTensors(modules, 7)].map(([name, values]) => [
      name,
      // B starts at zero, which would leave A without a gradient.
      values.map((value) => (name.includes('lora_B') ? 0.02 * fromMinusOneToOne(random) : value)),
    ]),
  );
  const adapter = new Adapter(device, modules, tensors, { trainable: true });
  try {
    return await use(model, adapter);
  } finally {
    adapter.destroy();
    await model.destroy();
  }
}

/** The loss and the gradients of an adapter. */
export function adapterOver(device: Device, over: Over = {}, lengths = LENGTHS): Promise<TestValues> {
  return testAdapter(device, over, async (model, adapter) => {
    const { loss, gradients } = await computeGradients(
      { model, adapter, store: adapter.store },
      rows(lengths),
    );
    return new Map<string, ArrayLike<number>>([...gradients, ['loss', [loss]]]);
  });
}

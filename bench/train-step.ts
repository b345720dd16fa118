/**
 * Graft's side of the training step that bench/peers measures: a small Llama, every weight trained, through the same model, tape and
 * trainer as everything else. Weights and tokens are those of the other contestants.
 */
import type { Device } from '../src/engine/device.ts';
import { LanguageModel } from '../src/model/language-model.ts';
import { Trainer } from '../src/train/trainer.ts';
import { memoryFiles } from '../src/weights/bytes.ts';
import { concatBytes, writeSafetensors, type TensorToWrite } from '../src/weights/safetensors.ts';
import { defaultSpec } from '../src/settings/spec.ts';

/** L layers, C channels, H heads, F width of the MLP, V vocabulary, B rows, T tokens of a row. */
export interface TrainStepConfig {
  L: number;
  C: number;
  H: number;
  F: number;
  V: number;
  B: number;
  T: number;
  lr: number;
  weightDecay: number;
  normEps: number;
  ropeTheta: number;
}

/** More steps than any benchmark measures. */
const STEPS = 10_000;

/**
 * @param numbers the page's seeded numbers in ±0.5, by count and seed
 * @param device what computes
 * @returns a function that does one step and gives its loss, once the device has done it
 */
export async function graftTrainStep(
  config: TrainStepConfig,
  numbers: (count: number, seed: number) => Float32Array,
  device: Device,
): Promise<() => Promise<number>> {
  const { B, T, V } = config;
  const model = await LanguageModel.load(device, modelFiles(config, numbers), {
    precision: 'f32',
    trainable: true,
  });
  const tokens = Array.from(numbers(B * (T + 1), 5), (x) => Math.floor((x + 0.5) * V));
  // T positions, each with the token after it as its label: one label more than there are inputs.
  const rows = Array.from({ length: B }, (_, row) => {
    const labels = tokens.slice(row * (T + 1), (row + 1) * (T + 1));
    return { ids: labels.slice(0, T), labels };
  });
  let loss = NaN;
  const trainer = await Trainer.create({
    trainable: { model, store: model.parameters! },
    options: {
      ...defaultSpec('full'),
      steps: STEPS,
      batch: B,
      maxLength: T + 1,
      lr: config.lr,
      schedule: 'constant',
      warmup: 0,
      weightDecay: config.weightDecay,
      clip: 0,
      shuffle: false,
    },
    rows,
    onEvent: (event) => {
      if (event.type === 'step') ({ loss } = event);
    },
  });
  return async () => {
    await trainer.run(1);
    return loss;
  };
}

function modelFiles(
  { L, C, H, F, V, normEps, ropeTheta }: TrainStepConfig,
  numbers: (count: number, seed: number) => Float32Array,
): ReturnType<typeof memoryFiles> {
  const weight = (name: string, rows: number, columns: number, seed: number): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape: [rows, columns],
    data: Float32Array.from(numbers(rows * columns, seed), (x) => x * 0.1),
  });
  const ones = (name: string): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape: [C],
    data: new Float32Array(C).fill(1),
  });
  const tensors = [
    weight('model.embed_tokens.weight', V, C, 1),
    weight('lm_head.weight', V, C, 2),
    ones('model.norm.weight'),
  ];
  for (let i = 0; i < L; i++) {
    const layer = `model.layers.${i}`;
    tensors.push(
      ones(`${layer}.input_layernorm.weight`),
      weight(`${layer}.self_attn.q_proj.weight`, C, C, 10 * i + 11),
      weight(`${layer}.self_attn.k_proj.weight`, C, C, 10 * i + 12),
      weight(`${layer}.self_attn.v_proj.weight`, C, C, 10 * i + 13),
      weight(`${layer}.self_attn.o_proj.weight`, C, C, 10 * i + 14),
      ones(`${layer}.post_attention_layernorm.weight`),
      weight(`${layer}.mlp.gate_proj.weight`, F, C, 10 * i + 15),
      weight(`${layer}.mlp.up_proj.weight`, F, C, 10 * i + 16),
      weight(`${layer}.mlp.down_proj.weight`, C, F, 10 * i + 17),
    );
  }
  const config = {
    model_type: 'llama',
    hidden_size: C,
    intermediate_size: F,
    num_hidden_layers: L,
    num_attention_heads: H,
    num_key_value_heads: H,
    vocab_size: V,
    max_position_embeddings: 512,
    rms_norm_eps: normEps,
    rope_theta: ropeTheta,
    hidden_act: 'silu',
    tie_word_embeddings: false,
  };
  return memoryFiles({
    'config.json': JSON.stringify(config),
    'model.safetensors': concatBytes(writeSafetensors(tensors)),
  });
}

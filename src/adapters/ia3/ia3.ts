/**
 * (IA)³ (Liu et al., 2022): a learned vector multiplies what a layer writes, (W x + b) ⊙ l, or, in feedforward layers, what it reads, W (x ⊙ l) + b.
 * It starts as ones.
 */
import { linear } from '../../engine/ops/linear.ts';
import { scaleColumns } from '../../engine/ops/scale_columns.ts';
import { sizeOf } from '../../engine/tensor.ts';
import type { AdapterConfig, AdapterKind, AdapterModule } from '../kind.ts';
import { checkTargets } from '../lora/config.ts';
import { isTarget } from '../targets.ts';

const KIND = 'ia3';

interface Ia3Config extends AdapterConfig {
  /** Targets that scale their inputs, by the ends of their paths. */
  readonly feedforward: readonly string[];
}

interface Ia3Module extends AdapterModule {
  readonly feedforward: boolean;
}

/** Name of the vector of a layer, as in PEFT's adapter_model.safetensors. */
export function vectorName(path: string): string {
  return `base_model.model.${path}.ia3_l`;
}

const shapeOf = ({ feedforward, inputs, outputs }: Ia3Module): readonly number[] =>
  feedforward ? [1, inputs] : [outputs, 1];

export const ia3: AdapterKind<Ia3Config, Ia3Module> = {
  name: KIND,
  label: 'IA3',
  formula: 'W with its rows or columns multiplied by l',
  config: ({ targets, feedforward }) => ({
    kind: KIND,
    targets: targets as readonly string[],
    feedforward: (feedforward ?? []) as readonly string[],
  }),
  settings: ({ targets, feedforward }) => ({ targets, feedforward }),
  facts: ({ feedforward }) => [['Scaled inputs', feedforward.join(', ') || 'none']],
  check: (model, { targets }) => checkTargets(model, targets),
  module: (layer, { feedforward }) => ({
    ...layer,
    kind: KIND,
    feedforward: isTarget({ targets: feedforward }, layer),
  }),
  parameters: (module) => [{ name: vectorName(module.path), shape: shapeOf(module) }],
  initial: (module) => [[vectorName(module.path), new Float32Array(sizeOf(shapeOf(module))).fill(1)]],
  linear(tape, x, { weight, residual, ...options }, { path, feedforward }, { get }) {
    const vector = get(vectorName(path));
    if (feedforward) return linear(tape, scaleColumns(tape, x, vector), weight, { ...options, residual });
    return scaleColumns(tape, linear(tape, x, weight, options), vector, { residual });
  },
  mergedParts: ({ feedforward }) => (feedforward ? ['weight'] : ['weight', 'bias']),
  merge({ part, values, transposed }, { path, feedforward, outputs, inputs }, tensors) {
    const vector = tensors.get(vectorName(path))!;
    const isRows = part === 'bias' || feedforward === transposed;
    const run = part === 'bias' ? 1 : transposed ? outputs : inputs;
    for (let i = 0; i < values.length; i++) values[i] *= vector[isRows ? Math.floor(i / run) : i % run];
  },
  isPeft: (json) => json['peft_type'] === 'IA3',
  readPeft(reader) {
    if (reader.set('feedforward_modules') && reader.names('feedforward_modules').length === 0)
      throw reader.unsupported('feedforward_modules as a regular expression');
    return {
      kind: KIND,
      targets: reader.names('target_modules'),
      feedforward: reader.names('feedforward_modules'),
    };
  },
  writePeft({ targets, feedforward }, modules) {
    // PEFT wants them among the targets, by the same names.
    const named = feedforward.filter((name) =>
      modules.some((module) => isTarget({ targets: [name] }, module)),
    );
    const isSubset = named.every((name) => targets.includes(name));
    return {
      exclude_modules: null,
      init_ia3_weights: true,
      peft_type: 'IA3',
      ...(isSubset
        ? { feedforward_modules: named }
        : {
            target_modules: modules.map(({ path }) => path),
            feedforward_modules: modules.filter((module) => module.feedforward).map(({ path }) => path),
          }),
    };
  },
};

/**
 * Norms and biases: BitFit (Ben Zaken et al., 2022) and the tuning of norms (Zhao et al., 2023). A trained copy of each of these vectors replaces the
 * base's. PEFT's LN_TUNING is the format. It copies whole modules: for a linear layer the file has only the bias, and PEFT takes the missing weight
 * from the base.
 */
import { copy } from '../../engine/ops/add.ts';
import type { LinearModule, ModelDefinition } from '../../model/definition.ts';
import type { AdapterConfig, AdapterKind, AdapterModule } from '../kind.ts';
import { wrongConfig } from '../lora/config.ts';
import { ALL_LINEAR } from '../targets.ts';
import { NORMS, type NormParts } from './settings.ts';

const KIND = NORMS.name;

interface NormsConfig extends AdapterConfig {
  readonly normParts: NormParts;
}

/** A layer with trained vectors: `outputs` numbers in each. */
interface VectorLayer extends LinearModule {
  readonly vectors: readonly ('weight' | 'bias')[];
}

interface NormsModule extends AdapterModule, VectorLayer {}

/** Name of a vector, as in PEFT's adapter_model.safetensors. */
function vectorName(path: string, vector: 'weight' | 'bias'): string {
  return `base_model.model.${path}.ln_tuning_layers.${vector}`;
}

export const norms: AdapterKind<NormsConfig, NormsModule> = {
  name: KIND,
  label: NORMS.label,
  note: 'For linear layers it has only the biases. PEFT warns that their weights are missing, and takes them from the base.',
  formula: 'norms and biases of its own',
  config: ({ normParts }) => ({
    kind: KIND,
    targets: [ALL_LINEAR],
    normParts: normParts as NormParts,
  }),
  settings: ({ normParts }) => ({ normParts }),
  facts: ({ normParts }) => [
    ['Learned', { all: 'norms and biases', norms: 'norms', biases: 'biases' }[normParts]],
  ],
  check(model, config) {
    if (vectorLayers(model, config.normParts).length === 0)
      throw wrongConfig(
        `This model has no ${config.normParts === 'all' ? 'norms or biases' : config.normParts}.`,
        'Choose norms, or another method.',
      );
  },
  layers: (model, { normParts }) => vectorLayers(model, normParts),
  module: (layer) => ({ ...(layer as VectorLayer), kind: KIND }),
  filed: (layer, _, has) => ({
    ...layer,
    vectors: (layer as VectorLayer).vectors.filter((vector) => has(vectorName(layer.path, vector))),
  }),
  parameters: ({ path, vectors, outputs }) =>
    vectors.map((vector) => ({ name: vectorName(path, vector), shape: [outputs], fromBase: true })),
  initial: () => [],
  start(tape, { path, vectors }, _, { get }, others) {
    for (const vector of vectors) copy(tape, others(`${path}.${vector}`), get(vectorName(path, vector)));
  },
  replaces: ({ path, vectors }) =>
    vectors.map((vector) => [`${path}.${vector}`, vectorName(path, vector)] as const),
  mergedParts: ({ vectors }) => vectors,
  merge: ({ part, values }, { path }, tensors) => values.set(tensors.get(vectorName(path, part))!),
  isPeft: (json) => json['peft_type'] === 'LN_TUNING',
  readPeft: () => ({ kind: KIND, targets: [ALL_LINEAR], normParts: 'all' }),
  writePeft: () => ({ fan_in_fan_out: undefined, peft_type: 'LN_TUNING' }),
};

/** A norm has a weight of one dimension. Norms and linear layers have biases. */
function vectorLayers({ weights, linears }: ModelDefinition, parts: NormParts): VectorLayer[] {
  const has = new Set(weights.map(({ name }) => name));
  const ofNorms = weights.flatMap(({ name, shape }): VectorLayer[] => {
    const path = name.replace(/\.weight$/, '');
    if (shape.length !== 1 || path === name) return [];
    const biased = has.has(`${path}.bias`);
    const vectors = [
      ...(parts === 'biases' ? [] : (['weight'] as const)),
      ...(biased && parts !== 'norms' ? (['bias'] as const) : []),
    ];
    return [{ path, inputs: shape[0], outputs: shape[0], vectors }];
  });
  const ofLinears =
    parts === 'norms'
      ? []
      : linears
          .filter(({ path }) => has.has(`${path}.bias`))
          .map(({ path, inputs, outputs }): VectorLayer => ({ path, inputs, outputs, vectors: ['bias'] }));
  return [...ofNorms, ...ofLinears].filter(({ vectors }) => vectors.length > 0);
}

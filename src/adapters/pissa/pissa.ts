/**
 * PiSSA (Meng et al., 2024), as PEFT has it: LoRA whose matrices start as the largest singular values and vectors of the weight, which are
 * subtracted from the base.
 *
 *   W = U · S · Vᵀ      A₀ = √(S / s) · Vᵀ      B₀ = U · √(S / s)      y = (W − s · B₀ · A₀) x + s · B · A x
 *
 * Graft leaves the base unchanged and subtracts a frozen low-rank term instead. Adapter and start together are therefore LoRA of twice the rank
 * on the unchanged base, [B, −B₀] · [A; A₀]. That is what is saved; PEFT converts to the same when it saves.
 */
import { linear } from '../../engine/ops/linear.ts';
import { dropoutOf } from '../dropout.ts';
import type { AdapterKind, AdapterParameter, AdapterTensors } from '../kind.ts';
import {
  checkLora,
  loraConfig,
  loraFacts,
  loraModule,
  loraRank,
  loraSettings,
  modulesBeside,
  tensorNames,
  wrongConfig,
  type LoraConfig,
  type LoraModule,
} from '../lora/config.ts';
import { loraParameters, lowRank } from '../lora/lora.ts';
import { mergeLora } from '../lora/merge.ts';
import { readLora, writeLora } from '../lora/peft.ts';
import { LARGEST_RANK } from '../lora/settings.ts';
import { leadingVectors } from '../svd.ts';
import { isTarget } from '../targets.ts';
import { PISSA } from './settings.ts';

const KIND = PISSA.name;

interface PissaConfig extends LoraConfig {
  /** Iterations of the search for singular vectors: until they have settled if left out. */
  readonly pissaIterations?: number;
}

interface PissaModule extends LoraModule {
  readonly iterations?: number;
}

/** Names of the matrices' initial values. */
const startNames = (path: string): { a: string; b: string } => ({
  a: `${path}.lora_A.start`,
  b: `${path}.lora_B.start`,
});

export const pissa: AdapterKind<PissaConfig, PissaModule> = {
  name: KIND,
  label: PISSA.label,
  formula: 'W + s · (B · A − B₀ · A₀)',
  config(settings) {
    const { pissaIterations: count } = settings;
    const isChosen = typeof count === 'number' && count > 0;
    return { kind: KIND, ...loraConfig(settings), ...(isChosen && { pissaIterations: count }) };
  },
  settings: ({ pissaIterations = 0, ...config }) => ({ ...loraSettings(config), pissaIterations }),
  facts: loraFacts,
  check(model, config) {
    checkLora(model, config);
    for (const layer of model.linears) {
      if (!isTarget(config, layer)) continue;
      const { path, inputs, outputs } = layer;
      const rank = loraRank(config, path);
      const max = Math.min(LARGEST_RANK / 2, inputs, outputs);
      if (rank > max)
        throw wrongConfig(
          `The rank of ${path} is ${rank}, but PiSSA takes at most ${max} there: it starts as singular vectors of the layer.`,
          `Choose a rank of ${max} or less, or LoRA.`,
        );
    }
  },
  module: (layer, config, found) => ({
    ...loraModule(layer, config, found),
    kind: KIND,
    ...(config.pissaIterations !== undefined && { iterations: config.pissaIterations }),
  }),
  beside: modulesBeside,
  parameters(module) {
    const [a, b] = loraParameters(module);
    const names = startNames(module.path);
    const start = ({ shape, padded }: AdapterParameter, name: string): AdapterParameter => ({
      ...{ name, shape, padded },
      ...{ fromBase: true, fixed: true },
    });
    return [{ ...a, fromBase: true }, { ...b, fromBase: true }, start(a, names.a), start(b, names.b)];
  },
  initial: () => [],
  async begin(device, layers, { random, report }) {
    const found = await leadingVectors(
      device,
      layers.map(({ module: { rank }, weight }) => ({ matrix: weight, rank })),
      {
        ...{ random, iterations: layers.at(0)?.module.iterations },
        report: (done, total) => report({ what: 'vectors', done, total }),
      },
    );
    return new Map(
      layers.flatMap(({ module: { path, rank, scale, inputs, outputs } }, at) => {
        const { values, left, right } = found[at];
        const a = new Float32Array(rank * inputs);
        const b = new Float32Array(outputs * rank);
        for (let r = 0; r < rank; r++) {
          const root = Math.sqrt(values[r] / scale);
          for (let k = 0; k < inputs; k++) a[r * inputs + k] = root * right[r][k];
          for (let n = 0; n < outputs; n++) b[n * rank + r] = root * left[r][n];
        }
        const [names, starts] = [tensorNames(path), startNames(path)];
        return [
          [names.a, a],
          [names.b, b],
          [starts.a, a],
          [starts.b, b],
        ] as const;
      }),
    );
  },
  linear(tape, x, { weight, scale = 1, ...options }, module, context) {
    const { get } = context;
    const { a, b, dropout, scale: s } = lowRank(module, context);
    const start = startNames(module.path);
    const still = linear(tape, x, weight, {
      ...options,
      scale,
      lora: { a: get(start.a), b: get(start.b), scale: -s },
    });
    const hides = dropout && dropout.probability > 0 && tape.training;
    const z = linear(tape, hides ? dropoutOf(tape, x, dropout) : x, a);
    return linear(tape, z, b, { residual: still, scale: scale * s });
  },
  merge(merged, module, tensors) {
    const names = tensorNames(module.path);
    const start = startNames(module.path);
    mergeLora(merged, module, tensors);
    const started = new Map([
      [names.a, tensors.get(start.a)!],
      [names.b, tensors.get(start.b)!],
    ]);
    mergeLora(merged, { ...module, scale: -module.scale }, started);
  },
  portable: (config, modules, tensors) => ({
    config: doubled(config),
    modules: modules.map(({ kind, iterations: _, ...module }) =>
      kind === KIND ? { ...module, rank: 2 * module.rank } : { kind, ...module },
    ),
    // Tensors of modules that are trained in full are not converted.
    tensors: new Map([
      ...[...tensors].filter(([name]) => !/\.lora_[AB]\./.test(name)),
      ...modules.filter(({ kind }) => kind === KIND).flatMap((module) => [...joined(module, tensors)]),
    ]),
  }),
  // A PiSSA adapter that PEFT saved unconverted belongs to another base: the reader refuses it.
  isPeft: () => false,
  readPeft: readLora,
  writePeft: (config) => writeLora(config, false),
};

/** LoRA's configuration of twice the rank, with the same factor before its matrices. */
function doubled({ kind: _, pissaIterations: __, ...config }: PissaConfig): LoraConfig {
  const factor = config.rsLora ? Math.SQRT2 : 2;
  const times = (pattern: Readonly<Record<string, number>>, by: number): Record<string, number> =>
    Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, value * by]));
  return {
    ...config,
    rank: 2 * config.rank,
    alpha: factor * config.alpha,
    rankPattern: times(config.rankPattern, 2),
    alphaPattern: times(config.alphaPattern, factor),
  };
}

/** [A; A₀] and [B, −B₀] of a layer. */
function joined({ path, rank, outputs }: LoraModule, tensors: AdapterTensors): AdapterTensors {
  const [names, start] = [tensorNames(path), startNames(path)];
  const [a, a0, b, b0] = [names.a, start.a, names.b, start.b].map((name) => tensors.get(name)!);
  const rows = new Float32Array(2 * a.length);
  rows.set(a);
  rows.set(a0, a.length);
  const columns = new Float32Array(2 * b.length);
  for (let n = 0; n < outputs; n++) {
    columns.set(b.subarray(n * rank, (n + 1) * rank), 2 * n * rank);
    columns.set(
      b0.subarray(n * rank, (n + 1) * rank).map((value) => -value),
      (2 * n + 1) * rank,
    );
  }
  return new Map([
    [names.a, rows],
    [names.b, columns],
  ]);
}

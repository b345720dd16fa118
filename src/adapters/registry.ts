/** What the adapters among learners.ts compute: a name each. */
import type { JsonObject } from '../json.ts';
import type { LinearModule, ModelDefinition } from '../model/definition.ts';
import { Random } from '../random.ts';
import type { AdapterConfig, AdapterKind, AdapterModule } from './kind.ts';
import type { AdapterName } from './learners.ts';
import { dora } from './dora/dora.ts';
import { eva } from './eva/eva.ts';
import { ia3 } from './ia3/ia3.ts';
import { loha } from './loha/loha.ts';
import { lora } from './lora/lora.ts';
import { norms } from './norms/norms.ts';
import { pissa } from './pissa/pissa.ts';
import { prompt } from './prompt/prompt.ts';
import { saved } from './saved/saved.ts';
import { wrongConfig } from './lora/config.ts';
import { isTarget } from './targets.ts';
import { tokens } from './tokens/tokens.ts';

/** The kind of each learner that is an adapter. */
const KINDS: { readonly [name in AdapterName]: AdapterKind } = {
  lora,
  dora,
  pissa,
  eva,
  ia3,
  prompt,
  norms,
  loha,
};

export const ADAPTER_KINDS: readonly AdapterKind[] = Object.values(KINDS);

/** Kinds of modules that belong to adapters of other kinds. */
const BESIDE: readonly AdapterKind[] = [saved, tokens];
/** Whether a module is next to an adapter, rather than a layer with one. */
export const isBeside = ({ kind }: AdapterModule): boolean => BESIDE.some(({ name }) => name === kind);

/** The kind of a configuration or a layer. @throws Error if there is none: values from outside are checked earlier */
export function kindOf({ kind = ADAPTER_KINDS[0].name }: { readonly kind?: string }): AdapterKind {
  const found = BESIDE.find(({ name }) => name === kind) ?? ADAPTER_KINDS.find(({ name }) => name === kind);
  if (!found) throw new Error(`There is no kind of adapter ${kind}`);
  return found;
}

/** The kind of PEFT's configuration; undefined if Graft has no such kind. */
export function kindOfPeft(json: JsonObject): AdapterKind | undefined {
  return ADAPTER_KINDS.find((kind) => kind.isPeft(json));
}

/** The layers that a kind can be on, before the targets choose among them. */
export function layersOf(
  kind: AdapterKind,
  model: ModelDefinition,
  config: AdapterConfig,
): readonly LinearModule[] {
  return (
    kind.layers?.(model, config) ??
    (kind.onParameters ? model.linears : model.linears.filter(({ isParameter }) => !isParameter))
  );
}

/** Which layers get an adapter. @throws GraftError `lora-config` for an invalid configuration, naming the fault */
export function adapterModules(model: ModelDefinition, config: AdapterConfig): AdapterModule[] {
  const kind = kindOf(config);
  kind.check(model, config);
  const parameter = model.linears.find((layer) => layer.isParameter && isTarget(config, layer));
  if (parameter && !kind.onParameters && !kind.layers)
    throw wrongConfig(
      `${kind.label} cannot be on ${parameter.path}, which is a parameter and no layer in transformers.`,
      'Choose LoRA, or other target modules.',
    );
  return [
    ...layersOf(kind, model, config)
      .filter((layer) => isTarget(config, layer))
      .map((layer) => kind.module(layer, config)),
    ...(kind.beside?.(model, config) ?? []),
  ];
}

/** Layers as in a saved state: some kinds decide ranks only when a run starts. @param sizes of its tensors by name @throws Error as `kindOf` */
export function modulesOfState(
  config: AdapterConfig,
  modules: readonly AdapterModule[],
  sizes: (name: string) => number | undefined,
): AdapterModule[] {
  const { fromRows } = kindOf(config);
  return fromRows ? modules.flatMap((module) => fromRows.saved(module, config, sizes) ?? []) : [...modules];
}

/**
 * The initial values of an adapter by PEFT name, without those that are made from the base or from rows. The same seed gives the same adapter everywhere.
 *
 * @throws Error as `kindOf`
 */
export function initialTensors(
  modules: readonly AdapterModule[],
  seed: number,
): Map<string, Float32Array<ArrayBuffer>> {
  const random = new Random(seed);
  return new Map(modules.flatMap((module) => kindOf(module).initial(module, random)));
}

/** Shapes of an adapter's tensors by PEFT name, without padding. @throws Error as `kindOf` */
export function adapterShapes(modules: readonly AdapterModule[]): Map<string, readonly number[]> {
  return new Map(
    modules.flatMap((module) =>
      kindOf(module)
        .parameters(module)
        .map(({ name, shape }) => [name, shape] as const),
    ),
  );
}

/** Which layers of a model an adapter is on: by the ends of their paths, as PEFT matches targets and patterns. */
import type { LinearModule } from '../model/definition.ts';
import type { AdapterConfig } from './kind.ts';

/** Every layer that can carry an adapter, by PEFT's name for them. */
export const ALL_LINEAR = 'all-linear';

/** Whether a path is `key` or ends with `.key`. */
export function endsWith(path: string, key: string): boolean {
  return path === key || path.endsWith(`.${key}`);
}

/**
 * Whether a linear layer is among the targets, and in one of the chosen layers of the model. A parameter that is no module of its own has to be named.
 */
export function isTarget(
  { targets, layersToTransform: layers = [] }: Pick<AdapterConfig, 'targets' | 'layersToTransform'>,
  { path, isParameter = false }: Pick<LinearModule, 'path' | 'isParameter'>,
): boolean {
  return (
    targets.some((target) => (target === ALL_LINEAR ? !isParameter : endsWith(path, target))) &&
    (layers.length === 0 || layers.includes(layerOf(path) ?? -1))
  );
}

/** The layer of the model that a path is in, counted from 0, as PEFT finds it; undefined if it is in none. */
export function layerOf(path: string): number | undefined {
  const [, layer] = LAYER.exec(path) ?? [];
  return layer === undefined ? undefined : Number(layer);
}

/** The name of the list of layers, and the index in it: `model.layers.3.`, `transformer.h.3.`. */
const LAYER = /^.*\.[^.]*\.(\d+)\./;

/** The last parts of paths, each once: the names that people use for layers. */
export function lastNames(linears: readonly LinearModule[]): string[] {
  return [...new Set(linears.map(({ path }) => path.slice(path.lastIndexOf('.') + 1)))];
}

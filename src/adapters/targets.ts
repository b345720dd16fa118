/** Which layers of a model an adapter is on: by the ends of their paths, as PEFT matches targets and patterns. */
import type { LinearModule } from '../model/family.ts';

/** Every layer that can carry an adapter, by PEFT's name for them. */
export const ALL_LINEAR = 'all-linear';

/** Whether a path is `key` or ends with `.key`. */
export function endsWith(path: string, key: string): boolean {
  return path === key || path.endsWith(`.${key}`);
}

/** Whether the layer at `path` is among the targets. */
export function isTarget({ targets }: { readonly targets: readonly string[] }, path: string): boolean {
  return targets.some((target) => target === ALL_LINEAR || endsWith(path, target));
}

/** The last parts of paths, each once: what a person calls the layers of a model. */
export function lastNames(linears: readonly LinearModule[]): string[] {
  return [...new Set(linears.map(({ path }) => path.slice(path.lastIndexOf('.') + 1)))];
}

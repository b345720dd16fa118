/**
 * The adapter kinds, optimisers and objectives of runs. A new one is a line here: its settings come from its own file, which imports nothing but the
 * types of this folder, so that the page can read it without the engine. Flags, form and recipe leave out settings that do not apply. The choice
 * itself is a setting as soon as there are two.
 */
import { LEARNERS } from '../adapters/learners.ts';
import { OBJECTIVES } from '../objectives/registry.ts';
import { OPTIMISERS } from '../optimisers/registry.ts';
export { takesKind } from '../objectives/registry.ts';
export type { Objective } from '../objectives/objective.ts';
export { learnerOf } from '../adapters/learners.ts';
import type { Contribution, Setting } from './setting.ts';

export interface Registry {
  readonly methods: readonly Contribution[];
  readonly optimisers: readonly Contribution[];
  readonly objectives: readonly Contribution[];
}
/** What can learn. */
export const METHODS = LEARNERS;

export const REGISTRY = {
  methods: LEARNERS,
  optimisers: OPTIMISERS,
  objectives: OBJECTIVES,
} as const satisfies Registry;

/** Each setting once, even if several contributions have it. */
export function settingsOf<Of extends Contribution>(
  contributions: readonly Of[],
): readonly Of['settings'][number][] {
  return [...new Set<Setting>(contributions.flatMap(({ settings }) => settings))];
}

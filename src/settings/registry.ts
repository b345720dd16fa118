/**
 * The adapter kinds, optimisers and objectives of runs. A new one is a line here: its settings come from its own file, which imports nothing but the
 * types of this folder, so that the page can read it without the engine. Flags, form and recipe leave out settings that do not apply. The choice
 * itself is a setting as soon as there are two.
 */
import { FULL_SETTINGS } from './full.ts';
import { ADAPTERS, NORMS_RATE } from '../adapters/settings.ts';
import { OBJECTIVES } from '../objectives/registry.ts';
import { OPTIMISERS } from '../optimisers/registry.ts';
export { ia3Targets } from '../adapters/settings.ts';
import type { ChoiceSetting, Contribution, Setting } from './setting.ts';

/** With an eighth of an adapter's rate it forgets as much as the adapter (docs/experiments/full-fine-tuning-rates.md). */
const FULL_RATE = 1 / 16;

const FULL = {
  name: 'full',
  label: 'All weights',
  help: 'Every weight of the model learns, or those that are chosen.',
  settings: FULL_SETTINGS,
  choice: {
    changes: 'The model itself: the result is a whole model, of the size of the first.',
    wrong: 'Few rows, little memory, or a model that should go on doing what it does now: it forgets most.',
  },
  // A full fine-tuning changes every weight and needs a smaller rate; norms and biases bear that of an adapter of such vectors.
  rate: ({ trainWeights }) => (trainWeights === 'norms' ? NORMS_RATE : FULL_RATE),
} as const satisfies Contribution;

/** Adapters, and training without one. */
export const METHODS = [...ADAPTERS, FULL] as const satisfies readonly Contribution[];

export interface Registry {
  readonly methods: readonly Contribution[];
  readonly optimisers: readonly Contribution[];
  readonly objectives: readonly Contribution[];
}
export const REGISTRY = {
  methods: METHODS,
  optimisers: OPTIMISERS,
  objectives: OBJECTIVES,
} as const satisfies Registry;

/** The setting that chooses one of several contributions. */
export type Chooser = Pick<ChoiceSetting, 'name' | 'flag' | 'placeholder' | 'label' | 'help' | 'term'>;

/** Each setting once, even if several contributions have it. */
export function settingsOf<Of extends Contribution>(
  contributions: readonly Of[],
): readonly Of['settings'][number][] {
  return [...new Set<Setting>(contributions.flatMap(({ settings }) => settings))];
}

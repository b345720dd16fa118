/** The stages are parts of their own: the first screen is there without them, and fetches them once it can be used. */
import type { Component } from 'svelte';
import type { StageId } from './state/route.svelte.ts';
import type { Studio } from './state/studio.svelte.ts';
import { whenQuiet } from './ui/quiet.ts';

type Part = Component<{ studio: Studio }>;

const LOADERS: Readonly<Record<StageId, () => Promise<{ readonly default: Part }>>> = {
  task: () => import('./task/Task.svelte'),
  data: () => import('./data/Data.svelte'),
  baseline: () => import('./baseline/Baseline.svelte'),
  train: () => import('./train/TrainStage.svelte'),
  evaluate: () => import('./evaluate/Evaluate.svelte'),
  use: () => import('./use/Use.svelte'),
};

export class StageParts {
  /** The loaded stages. */
  loaded = $state.raw<Partial<Record<StageId, Part>>>({});
  /** A stage could not be loaded. */
  failed = $state(false);

  constructor() {
    whenQuiet(() => {
      for (const stage of Object.keys(LOADERS) as StageId[]) void this.load(stage);
    });
  }

  async load(stage: StageId): Promise<void> {
    if (this.loaded[stage]) return;
    try {
      const { default: part } = await LOADERS[stage]();
      this.loaded = { ...this.loaded, [stage]: part };
      this.failed = false;
    } catch {
      this.failed = true;
    }
  }
}

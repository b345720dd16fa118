/** Compares all tasks together with each alone: existing adapters, and the missing runs, trained one after the other. */
import type { AdapterInfo, FormSpec } from '../../worker/api.ts';
import type { Adapters } from '../use/adapters.svelte.ts';
import type { Data } from '../data/data.svelte.ts';
import { ofStudio } from '../state/of-studio.svelte.ts';
import type { Run } from '../train/run.svelte.ts';
import type { RunsState } from '../train/runs.svelte.ts';

/** What an adapter is for: all open tasks, or one of them. */
interface OfTask {
  readonly task: string;
  readonly share: number;
  /** Trained on this task alone; the latest. */
  readonly adapter: AdapterInfo | undefined;
}

class Together {
  /** The task that is trained now, and how many are still to come after it. */
  training = $state.raw<{ readonly task: string; readonly left: number }>();
  #stopped = false;

  constructor(
    private readonly data: Data,
    private readonly run: Run,
    private readonly runs: RunsState,
    private readonly adapters: Adapters,
  ) {}

  /** Adapters that were trained on all open tasks, the latest first. */
  all: readonly AdapterInfo[] = $derived.by(() =>
    this.adapters.list.filter(
      (adapter) => this.#isOfOpenRows(adapter) && this.#optionsOf(adapter)?.task === undefined,
    ),
  );

  /** The open tasks, each with its adapter alone. An adapter that was trained on that file alone elsewhere counts as well. */
  tasks: readonly OfTask[] = $derived.by(() => {
    const { summary } = this.data;
    return (summary?.tasks ?? []).map(({ name, share, file }) => ({
      task: name,
      share,
      adapter: this.adapters.list.find(
        (adapter) =>
          (this.#isOfOpenRows(adapter) && this.#optionsOf(adapter)?.task === name) ||
          adapter.data?.version === summary?.files[file]?.version,
      ),
    }));
  });

  /** Tasks without an adapter of their own. */
  missing: readonly OfTask[] = $derived.by(() => this.tasks.filter(({ adapter }) => !adapter));

  /**
   * Trains an adapter on each task that has none, with the settings of a run on all of them and a number of steps in proportion to the rows of the
   * task. Ends if a run is paused, ended early or fails.
   */
  async trainMissing({ id }: AdapterInfo): Promise<void> {
    const options = this.#optionsOf(this.adapters.list.find((adapter) => adapter.id === id));
    if (!options || this.run.active) return;
    this.#stopped = false;
    const missing = [...this.missing];
    for (const [at, { task, share }] of missing.entries()) {
      this.training = { task, left: missing.length - at - 1 };
      const done = await this.run.start(aloneOf(options, task, share));
      if (!done || this.run.status !== 'done' || this.#stopped) break;
    }
    this.training = undefined;
  }

  /** Trains no other task after the one that is trained now. */
  stopAfter(): void {
    this.#stopped = true;
    if (this.training) this.training = { ...this.training, left: 0 };
  }

  #isOfOpenRows({ data }: AdapterInfo): boolean {
    return data !== undefined && data.version === this.data.version;
  }

  #optionsOf(adapter: AdapterInfo | undefined): FormSpec | undefined {
    return this.runs.all.find(({ id }) => id === adapter?.runId)?.options;
  }
}

/** The settings of a run on one of its tasks. */
function aloneOf(options: FormSpec, task: string, share: number): FormSpec {
  const steps = Math.max(1, Math.round(options.steps * share));
  return {
    ...options,
    name: `${options.name}, ${task} alone`,
    task,
    steps,
    warmup: Math.min(options.warmup, Math.floor(steps / 10)),
    evalEvery: options.evalEvery > 0 ? Math.max(1, Math.min(options.evalEvery, steps)) : 0,
  };
}

/** The comparison of a studio: it continues while another stage is open. */
export const togetherOf = ofStudio(
  ({ data, run, runs, adapters }) => new Together(data, run, runs, adapters),
);

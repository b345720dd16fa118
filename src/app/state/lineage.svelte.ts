/** The stages of an adapter, each measured on the test rows of all of them. */
import { untrack } from 'svelte';
import type { Failure, LineageReport, Progress } from '../../worker/api.ts';
import { Pace } from './pace.ts';
import type { Session } from './session.svelte.ts';
import type { Studio } from './studio.svelte.ts';

export class Lineage {
  /** The adapter whose line was measured last. */
  id = $state<string>();
  report = $state.raw<LineageReport>();
  progress = $state.raw<Progress>();
  secondsLeft = $state<number>();
  failure = $state.raw<Failure>();

  constructor(private readonly session: Session) {}

  /** @param rows of each test part that are asked */
  async measure(id: string, rows: number): Promise<void> {
    if (this.progress) return;
    this.failure = undefined;
    this.progress = { what: 'reading', done: 0, total: 0 };
    const pace = new Pace();
    const outcome = await this.session.worker.measureLineage(id, rows, (progress) => {
      if (!this.progress) return;
      this.secondsLeft = pace.secondsLeft(progress, performance.now());
      this.progress = progress;
    });
    this.progress = undefined;
    if (outcome.ok) {
      this.id = id;
      this.report = outcome.report;
      this.session.announcer.say('Every stage is measured.');
    } else if (outcome.code !== 'worker-aborted') this.failure = outcome;
  }

  async stop(): Promise<void> {
    await this.session.worker.stopEvaluation();
  }
}

const known = new WeakMap<Studio, Lineage>();

/** The one of a studio: what was measured stays while another stage is looked at. It is no part of the first screen. */
export function lineageOf(studio: Studio): Lineage {
  let lineage = known.get(studio);
  if (!lineage) {
    // Nobody who asks first owns it.
    lineage = untrack(() => new Lineage(studio.session));
    known.set(studio, lineage);
  }
  return lineage;
}

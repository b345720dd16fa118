/** A run's store in memory. */
import { GraftError } from '../../src/errors.ts';
import type { RunEvent } from '../../src/runs/events.ts';
import type { LossCurve, Ending, Learned, Store } from '../../src/runs/store.ts';
import { readState, writeState } from '../../src/train/state-files.ts';
import type { TrainerState } from '../../src/train/state.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';

export class MemoryStore implements Store {
  readonly steps: { step: number; loss: number }[];
  readonly evals: { step: number; loss: number }[];
  readonly samples: { step: number; text: string }[];
  readonly events: RunEvent[] = [];
  /** Each saved state. */
  readonly saves: { step: number; status: 'running' | 'paused' }[] = [];
  kept: { learned: Learned; ending: Ending } | undefined;
  failure: GraftError | undefined;
  /** From this step on, events cannot be kept. */
  failsAt = Infinity;
  #files: ReturnType<typeof writeState> | undefined;

  /** @param before the store of the run that is resumed */
  constructor(before?: MemoryStore) {
    this.steps = [...(before?.steps ?? [])];
    this.evals = [...(before?.evals ?? [])];
    this.samples = [...(before?.samples ?? [])];
  }

  get curve(): LossCurve {
    return this;
  }

  hear(event: RunEvent): void {
    this.events.push(event);
    if (event.type === 'step') {
      if (event.step >= this.failsAt) this.failure ??= new GraftError('file-write', 'No room.', 'Make some.');
      else this.steps.push(event);
    }
    if (event.type === 'eval') this.evals.push(event);
    if (event.type === 'sample') this.samples.push(event);
  }

  async settle(): Promise<void> {
    if (this.failure) throw this.failure;
  }

  async state(state: TrainerState, _rows: unknown, status: 'running' | 'paused'): Promise<void> {
    this.#files = writeState({ state, fingerprint: 'of the test' });
    this.saves.push({ step: state.counters.step, status });
  }

  async result(learned: Learned, ending: Ending): Promise<void> {
    this.kept = { learned, ending };
  }

  /** The state that was saved last, read as from a disk. */
  async saved(): Promise<TrainerState> {
    return (await readState(memoryFiles(this.#files!, 'memory'))).state;
  }
}

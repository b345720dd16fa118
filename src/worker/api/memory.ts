/** The memory of a run before it starts. */
import type { RunMemory } from '../../runs/run-memory.ts';
import type { Outcome } from './outcome.ts';
import type { FormSpec } from '../../settings/spec.ts';

export type { MemoryAdvice, RunMemory } from '../../runs/run-memory.ts';

/** The memory that a run will need. */
export interface MemoryApi {
  /**
   * Plans the GPU memory of a run on the open model, and on the open data if there are any, without using the GPU: fast enough for
   * every change of a setting, even while a run trains.
   */
  planRun(options: FormSpec): Promise<Outcome<{ readonly memory: RunMemory }>>;
}

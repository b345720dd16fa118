/** Optimisers. Each has a folder, and a line in registry.ts. */
import type { UpdateKernel } from '../engine/ops/update.ts';
import type { Contribution, Given } from '../settings/setting.ts';

export interface Optimiser extends Contribution {
  readonly kernel: UpdateKernel;
  /**
   * The numbers of one step that its kernel reads after those that every step has (engine/ops/step.ts), at most 12.
   *
   * @param step counts from 1
   * @param options settings of the run by name
   */
  encode(step: number, options: Given): readonly number[];
}

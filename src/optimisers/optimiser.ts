/** Optimisers. Each has a folder, and a line in registry.ts. */
import type { UpdateGraph, UpdateKernel } from '../engine/ops/update.ts';
import type { ParameterSpec, StatePlanes } from '../engine/parameters.ts';
import type { Contribution, Given } from '../settings/setting.ts';

export interface Optimiser extends Contribution {
  /** Planes of state that it keeps next to the values, zero at the start. */
  readonly planes: readonly string[];
  /** Those that a parameter needs, if not all. */
  planesOf?(parameter: ParameterSpec): readonly string[];
  /** Records one update of all parameters. @param settings of the run by name */
  record(graph: UpdateGraph, settings: Given): void;
  /**
   * The numbers of one step that its kernels read after those that every step has (engine/ops/step.ts), at most 12.
   *
   * @param step counts from 1
   * @param options settings of the run by name
   */
  encode(step: number, options: Given): readonly number[];
}

/** What a store of parameters keeps for an optimiser. */
export const stateOf = ({ planes, planesOf }: Optimiser): StatePlanes => planesOf ?? planes;

/** The planes and the record of an optimiser that changes each value by its own gradient and state. */
export const elementwise = (kernel: UpdateKernel): Pick<Optimiser, 'planes' | 'record'> => ({
  planes: kernel.planes,
  record: (graph) => graph.elements(kernel),
});

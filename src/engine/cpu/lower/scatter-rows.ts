import kernelSource from '../kernels/scatter_rows.ts?raw';
import { scatterRowsKind } from '../../ops/scatter_rows.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, storedAs, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('scatter_rows', kernelSource);

export const scatterRowsLowerings = [lowers(scatterRowsKind, scatterCommand)];

/** goal[rows[m]] = source[m]. */
export function scatterCommand(out: Commands, tensors: Record<'source' | 'rows' | 'goal', Tensor>): void {
  const { source, goal } = tensors;
  out.add({
    file,
    kernel: 'scatterRows',
    tensors,
    params: { C: source.columns, T: goal.rows, typeSource: storedAs(source), typeGoal: storedAs(goal) },
    units: source.rows,
    grain: rowsAtOnce(source.columns),
    flops: source.size,
  });
}

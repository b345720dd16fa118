import type { AdapterTensors, MergedPart } from '../kind.ts';
import type { LoraModule } from '../lora/config.ts';
import { mergeLora } from '../lora/merge.ts';

/** W = m / ‖W + s · B · A‖ · (W + s · B · A), row by row. */
export function mergeDora(
  merged: MergedPart,
  module: LoraModule,
  tensors: AdapterTensors,
  magnitudeName: string,
): void {
  mergeLora(merged, module, tensors);
  const { values, transposed } = merged;
  const { inputs: K, outputs: N } = module;
  const magnitude = tensors.get(magnitudeName)!;
  const [row, column] = transposed ? [1, N] : [K, 1];
  for (let n = 0; n < N; n++) {
    let squares = 0;
    for (let k = 0; k < K; k++) squares += values[n * row + k * column] ** 2;
    const factor = magnitude[n] / Math.sqrt(squares);
    for (let k = 0; k < K; k++) values[n * row + k * column] *= factor;
  }
}

import type { AdapterTensors, MergedPart } from '../kind.ts';
import type { LoraModule } from '../lora/config.ts';
import { lohaNames } from './config.ts';

/** W += s · (w1_a · w1_b) ⊙ (w2_a · w2_b), row by row. */
export function mergeLoha(
  { values }: MergedPart,
  { path, rank, scale, inputs: K, outputs: N }: LoraModule,
  tensors: AdapterTensors,
): void {
  const pairs = lohaNames(path).map(({ a, b }) => ({ a: tensors.get(a)!, b: tensors.get(b)! }));
  const rows = pairs.map(() => new Float64Array(K));
  for (let n = 0; n < N; n++) {
    pairs.forEach(({ a, b }, at) => {
      const row = rows[at].fill(0);
      for (let r = 0; r < rank; r++) {
        const factor = a[n * rank + r];
        for (let k = 0; k < K; k++) row[k] += factor * b[r * K + k];
      }
    });
    const [first, second] = rows;
    for (let k = 0; k < K; k++) values[n * K + k] += scale * first[k] * second[k];
  }
}

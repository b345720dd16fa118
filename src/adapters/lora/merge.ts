import type { AdapterTensors, MergedPart } from '../kind.ts';
import { tensorNames, type LoraModule } from './config.ts';

/** W += s · B · A. */
export function mergeLora(
  { values, transposed }: MergedPart,
  { path, named = path, rank, scale, experts, outputs }: LoraModule,
  tensors: AdapterTensors,
): void {
  const names = tensorNames(named);
  const [a, b] = [tensors.get(names.a)!, tensors.get(names.b)!];
  if (experts !== undefined) {
    const [sizeA, sizeW] = [a.length / experts, values.length / experts];
    for (let e = 0; e < experts; e++) {
      const own = Float32Array.from({ length: outputs * rank }, (_, i) => b[i * experts + e]);
      addProduct(
        values.subarray(e * sizeW, (e + 1) * sizeW),
        own,
        a.subarray(e * sizeA, (e + 1) * sizeA),
        rank,
        scale,
      );
    }
    return;
  }
  // (B · A)ᵀ = Aᵀ · Bᵀ, for a folder with Wᵀ.
  if (transposed) addProduct(values, transpose(a, rank), transpose(b, b.length / rank), rank, scale);
  else addProduct(values, b, a, rank, scale);
}

/** w [N, K] += scale · b [N, R] · a [R, K]. */
function addProduct(w: Float32Array, b: Float32Array, a: Float32Array, R: number, scale: number): void {
  const K = a.length / R;
  const N = b.length / R;
  for (let n = 0; n < N; n++) {
    for (let r = 0; r < R; r++) {
      const factor = scale * b[n * R + r];
      for (let k = 0; k < K; k++) w[n * K + k] += factor * a[r * K + k];
    }
  }
}

/** The transpose of a matrix with `rows` rows. */
function transpose(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

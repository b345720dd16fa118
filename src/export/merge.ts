/** Base plus adapter as one model: W + s · B · A for every layer that has an adapter, everything else as it was. */
import type { ModelDefinition } from '../model/family.ts';
import { tensorNames } from '../model/lora.ts';
import { isBlockType } from '../weights/blocks.ts';
import {
  float32ToBfloat16,
  float32ToFloat16,
  toFloat32,
  type Dtype,
  type StoredType,
} from '../weights/dtypes.ts';
import type { WeightSource } from '../weights/folder.ts';
import { safetensorsHeader, type TensorEntry } from '../weights/safetensors.ts';
import type { AdapterData } from './peft.ts';

/**
 * The bytes of model.safetensors, tensor by tensor: never more than one tensor in memory. Tensors keep the type that they have in the
 * base, rounded once; what is quantised there becomes F16. A tied head stays absent, so that it stays tied.
 *
 * @param source the base's weights
 */
export async function* mergedWeights(
  model: ModelDefinition,
  source: WeightSource,
  adapter: AdapterData,
): AsyncGenerator<Uint8Array> {
  const entries = model.weights.map((spec) => ({ spec, entry: source.get(spec.name)! }));
  yield safetensorsHeader(
    entries.map(({ entry: { name, shape, dtype } }) => ({ name, shape, dtype: writtenType(dtype) })),
    { format: 'pt' },
  );
  const modules = new Map(adapter.modules.map((module) => [`${module.path}.weight`, module]));
  for (const { spec, entry } of entries) {
    const module = modules.get(spec.name);
    if (!module) {
      const bytes = await entry.read();
      yield isBlockType(entry.dtype)
        ? encode(Float32Array.from(toFloat32(bytes, entry.dtype)), entry)
        : bytes;
      continue;
    }
    const names = tensorNames(module.path);
    const weight = Float32Array.from(toFloat32(await entry.read(), entry.dtype, entry.name));
    const { rank, scale } = module;
    const [a, b] = [adapter.tensors.get(names.a)!, adapter.tensors.get(names.b)!];
    // (B · A)ᵀ = Aᵀ · Bᵀ, for a folder that holds Wᵀ.
    if (spec.transposed) addProduct(weight, transpose(a, rank), transpose(b, b.length / rank), rank, scale);
    else addProduct(weight, b, a, rank, scale);
    yield encode(weight, entry);
  }
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

/** safetensors has no blocks. */
function writtenType(dtype: StoredType): Dtype {
  return isBlockType(dtype) ? 'F16' : dtype;
}

/** The transpose of a matrix of so many rows. */
function transpose(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

function encode(values: Float32Array<ArrayBuffer>, { dtype, name }: TensorEntry): Uint8Array {
  const encoders: Partial<Record<Dtype, () => ArrayBufferView>> = {
    F32: () => values,
    F16: () => float32ToFloat16(values),
    BF16: () => float32ToBfloat16(values),
  };
  const bytes = encoders[writtenType(dtype)]?.();
  if (!bytes) throw new Error(`${name}: no encoder for ${dtype}`);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

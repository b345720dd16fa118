/** The weights of a base model on the GPU, frozen or trained, loaded tensor by tensor from a model folder. */
import type { Device } from '../engine/device.ts';
import { ParameterStore } from '../engine/parameters.ts';
import type { Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { isBlockType } from '../weights/blocks.ts';
import { float32ToFloat16, toFloat32, type StoredType } from '../weights/dtypes.ts';
import type { WeightSource } from '../weights/folder.ts';
import type { TensorEntry } from '../weights/safetensors.ts';
import type { ModelDefinition, WeightSpec } from './family.ts';
import { folderShape, transposeBytes } from './folder-layout.ts';

/** Called while weights are loaded: bytes of the file, done of total. */
export type LoadProgress = (done: number, total: number) => void;

export interface BaseWeights {
  find(name: string): Tensor | undefined;
  readonly bytes: number;
  destroy(): void;
}

const FLOATS = new Set<StoredType>(['F32', 'F16', 'BF16']);

/**
 * Checks that `source` has every weight of the model, in its shape and a type that Graft reads.
 *
 * @throws GraftError `weights-tensor` naming the first that does not fit
 */
export function checkWeights(model: ModelDefinition, source: WeightSource): void {
  for (const spec of model.weights) entryOf(source, spec);
}

/** Loads frozen weights: matrices in `dtype`, vectors (norms, biases) in f32. */
export async function loadFrozen(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  dtype: 'f32' | 'f16',
  onProgress?: LoadProgress,
): Promise<BaseWeights> {
  const tensors = new Map<string, Tensor>();
  const destroy = (): void => {
    for (const tensor of tensors.values()) device.free(tensor);
    tensors.clear();
  };
  try {
    await eachWeight(model, source, onProgress, (spec, bytes, from) => {
      const type = frozenType(spec, dtype);
      const data = type === 'f16' ? toFloat16(bytes, from, spec.name) : toFloat32(bytes, from, spec.name);
      tensors.set(
        spec.name,
        device.upload(spec.shape, type, spec.name, data as ArrayBufferView<ArrayBuffer>),
      );
    });
  } catch (error) {
    destroy();
    throw error;
  }
  return frozen(tensors, destroy);
}

/** The memory of frozen weights, with nothing in it: what a model needs is known without its files. */
export function emptyFrozen(device: Device, model: ModelDefinition, dtype: 'f32' | 'f16'): BaseWeights {
  const tensors = new Map(
    model.weights.map((spec) => [spec.name, device.upload(spec.shape, frozenType(spec, dtype), spec.name)]),
  );
  return frozen(tensors, () => {
    for (const tensor of tensors.values()) device.free(tensor);
  });
}

function frozenType({ shape }: WeightSpec, dtype: 'f32' | 'f16'): 'f32' | 'f16' {
  return shape.length > 1 ? dtype : 'f32';
}

function frozen(tensors: ReadonlyMap<string, Tensor>, destroy: () => void): BaseWeights {
  return {
    find: (name) => tensors.get(name),
    get bytes() {
      return [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
    },
    destroy,
  };
}

/** Loads all weights as trainable parameters, for full fine-tuning. Always f32. */
export async function loadTrainable(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  onProgress?: LoadProgress,
): Promise<ParameterStore> {
  checkWeights(model, source);
  const store = new ParameterStore(device, model.weights, true);
  try {
    await eachWeight(model, source, onProgress, (spec, bytes, from) =>
      store.write(spec.name, toFloat32(bytes, from, spec.name) as Float32Array<ArrayBuffer>),
    );
  } catch (error) {
    store.destroy();
    throw error;
  }
  return store;
}

async function eachWeight(
  model: ModelDefinition,
  source: WeightSource,
  onProgress: LoadProgress | undefined,
  use: (spec: WeightSpec, bytes: Uint8Array, dtype: StoredType) => void,
): Promise<void> {
  const entries = model.weights.map((spec) => [spec, entryOf(source, spec)] as const);
  const total = entries.reduce((sum, [, entry]) => sum + entry.byteLength, 0);
  let done = 0;
  for (const [spec, entry] of entries) {
    const bytes = await entry.read();
    use(spec, spec.transposed ? transposeBytes(bytes, entry.shape) : bytes, entry.dtype);
    onProgress?.((done += entry.byteLength), total);
  }
}

function entryOf(source: WeightSource, spec: WeightSpec): TensorEntry {
  const { name } = spec;
  const shape = folderShape(spec);
  const entry = source.get(name);
  if (!entry) throw wrongTensor(`The weights have no tensor ${name}, which config.json asks for.`);
  if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
    throw wrongTensor(
      `Tensor ${name} has the shape [${entry.shape.join(', ')}], and config.json asks for [${shape.join(', ')}].`,
    );
  }
  if (!FLOATS.has(entry.dtype) && (spec.transposed || !isBlockType(entry.dtype)))
    throw wrongTensor(`Tensor ${name} is of type ${entry.dtype}; F32, F16, BF16 and GGUF's are read.`);
  return entry;
}

function wrongTensor(what: string): GraftError {
  return new GraftError('weights-tensor', what, 'Check that config.json and the weights belong together.');
}

function toFloat16(bytes: Uint8Array, from: StoredType, name: string): Uint16Array {
  if (from === 'F16') return new Uint16Array(bytes.slice().buffer);
  return float32ToFloat16(toFloat32(bytes, from, name));
}

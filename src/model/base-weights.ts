/** The weights of a base model on the GPU, frozen or trained, loaded tensor by tensor from a model folder. */
import type { Device } from '../engine/device.ts';
import { ParameterStore, type StatePlanes } from '../engine/parameters.ts';
import { createWeight, eachShard } from '../engine/shards.ts';
import { QuantisedTensor, writeQuantised } from '../engine/quantised.ts';
import { bytesPer, sizeOf, type Tensor } from '../engine/tensor.ts';
import { GraftError } from '../errors.ts';
import { isBlockType } from '../weights/blocks.ts';
import { float32ToFloat16, storedBytes, toFloat32, type StoredType } from '../weights/dtypes.ts';
import type { WeightSource } from '../weights/folder.ts';
import { LAYOUT_OF, takeApart } from '../weights/gguf/take-apart.ts';
import type { BlockFormat, QuantisedValues } from '../weights/layouts.ts';
import { quantise, quantiseRows } from '../weights/quantise.ts';
import type { TensorEntry } from '../weights/safetensors.ts';
import type { ModelDefinition, WeightedModel, WeightSpec } from './definition.ts';
import { folderShape, inModelLayout, transposeBytes } from './folder-layout.ts';
import { isEmbedding, trainedPart, type TrainedPart } from './trained-part.ts';
import { AS_STORED, isRounded, weightTypes, type WeightChoices } from './weight-types.ts';

/** Called while weights are loaded: bytes of the file, done of total. */
export type LoadProgress = (done: number, total: number) => void;

/** The type of a weight in its file. */
export type StoredAs = (spec: WeightSpec) => StoredType;

export interface BaseWeights {
  find(name: string): Tensor | undefined;
  readonly bytes: number;
  /** Names of the matrices that were to be quantised and are not: their rows are not whole blocks. */
  readonly unquantised?: readonly string[];
  destroy(): void;
}

/** Numbers of a tensor that are read and converted at a time. */
const CHUNK_VALUES = 2 ** 22;

const FLOATS = new Set<StoredType>(['F32', 'F16', 'BF16']);

/**
 * Checks that `source` has every weight of the model, in its shape and a type that Graft reads.
 *
 * @throws GraftError `weights-tensor` naming the first that does not fit, `weights-unknown` for a tensor of a GGUF file that is none of them
 */
export function checkWeights(model: WeightedModel, source: WeightSource): void {
  for (const spec of model.weights) entryOf(source, spec);
  if (!source.onlyWeights) return;
  const known = new Set(model.weights.map(({ name }) => name));
  const unknown = source.names().find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new GraftError(
    'weights-unknown',
    `The file has a tensor ${unknown}, which ${model.modelType} does not have here: it would be left out.`,
    'Use the Hugging Face folder of the model.',
  );
}

/**
 * Loads frozen weights: matrices in the types of `choices`, a few rows at a time, so that a large one is never whole in memory; vectors (norms,
 * biases) in f32.
 *
 * @param dtype the type of matrices that are not quantised
 */
export async function loadFrozen(
  device: Device,
  model: WeightedModel,
  source: WeightSource,
  dtype: 'f32' | 'f16',
  choices: WeightChoices,
  onProgress?: LoadProgress,
): Promise<BaseWeights> {
  const weights = emptyFrozen(device, model, dtype, choices, (spec) => entryOf(source, spec).entry.dtype);
  await fill(device, model, source, weights, onProgress, (spec, bytes, from, firstRow) =>
    write(device, weights.find(spec.name)!, firstRow, bytes, from),
  );
  return weights;
}

/** Frozen weights of which only those of one segment of the forward are on the device: they are read from the folder for each run of it. */
export interface OffloadedWeights extends BaseWeights {
  /** From here on `find` makes the memory of the weights that it is asked for. */
  begin(): void;
  /** Reads the weights that were asked for. @throws GraftError `weights-…`, `engine-…` */
  load(): Promise<void>;
  /** Frees them, after everything submitted has run. */
  release(): void;
}

/**
 * Frozen weights that stay in their folder.
 *
 * @param dtype the type of matrices that are not quantised
 */
export function offloadedWeights(
  device: Device,
  model: WeightedModel,
  source: WeightSource,
  dtype: 'f32' | 'f16',
  choices: WeightChoices,
): OffloadedWeights {
  const storedAs: StoredAs = (spec) => entryOf(source, spec).entry.dtype;
  const types = weightTypes(model, choices, dtype, storedAs);
  const specs = new Map(model.weights.map((spec) => [spec.name, spec]));
  const here = new Map<string, Tensor>();
  let isRecording = false;
  const release = (): void => {
    for (const tensor of here.values()) device.free(tensor);
    here.clear();
    isRecording = false;
  };
  return {
    unquantised: types.unquantised.map(({ name }) => name),
    get bytes() {
      return [...here.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
    },
    begin: () => (isRecording = true),
    find(name) {
      const spec = specs.get(name);
      if (!spec) return undefined;
      if (!isRecording)
        throw new GraftError(
          'weights-offloaded',
          `This needs ${name} on the device throughout, and disk offload has the weights of one layer at a time there.`,
          'Leave out --disk-offload.',
        );
      const known = here.get(name);
      if (known) return known;
      const made = createWeight(device, spec.shape, types.of(spec), name, types.hasRowScales(spec));
      here.set(name, made);
      return made;
    },
    async load() {
      const asked = { ...model, weights: [...here.keys()].map((name) => specs.get(name)!) };
      await eachWeight(device, asked, source, undefined, ({ name }, bytes, from, firstRow) =>
        write(device, here.get(name)!, firstRow, bytes, from),
      );
      isRecording = false;
    },
    release,
    destroy: release,
  };
}

/** Reads every weight into its memory, which is freed if that fails. */
async function fill(
  device: Device,
  model: WeightedModel,
  source: WeightSource,
  weights: Pick<BaseWeights, 'destroy'>,
  onProgress: LoadProgress | undefined,
  use: (spec: WeightSpec, bytes: Uint8Array, from: StoredType, firstRow: number) => void,
): Promise<void> {
  try {
    await eachWeight(device, model, source, onProgress, use);
  } catch (error) {
    weights.destroy();
    throw error;
  }
}

/**
 * The memory of frozen weights, without values: a model's size is known without its files.
 *
 * @param storedAs the type of a weight in the file: numbers if left out
 */
export function emptyFrozen(
  device: Device,
  model: WeightedModel,
  dtype: 'f32' | 'f16',
  choices: WeightChoices,
  storedAs: StoredAs = () => 'F32',
): BaseWeights {
  const types = weightTypes(model, choices, dtype, storedAs);
  const tensors = new Map(
    model.weights.map((spec) => [
      spec.name,
      createWeight(device, spec.shape, types.of(spec), spec.name, types.hasRowScales(spec)),
    ]),
  );
  return {
    find: (name) => tensors.get(name),
    unquantised: types.unquantised.map(({ name }) => name),
    get bytes() {
      return [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
    },
    destroy() {
      for (const tensor of tensors.values()) device.free(tensor);
      tensors.clear();
    },
  };
}

/** Writes rows of a matrix, or a whole vector. */
function write(device: Device, tensor: Tensor, firstRow: number, bytes: Uint8Array, from: StoredType): void {
  const { label } = tensor;
  const rowBytes = storedBytes(from, [tensor.columns]);
  eachShard(tensor, firstRow, bytes.byteLength / rowBytes, (shard, { row, from: first, count }) => {
    const part = bytes.subarray(first * rowBytes, (first + count) * rowBytes);
    if (shard instanceof QuantisedTensor) {
      const rows = shard.rowScales
        ? quantiseRows(toFloat32(part, from, label), shard.columns)
        : quantisedRows(part, from, shard.format, label);
      writeQuantised(device, shard, row, rows);
      return;
    }
    const data = shard.dtype === 'f16' ? toFloat16(part, from, label) : toFloat32(part, from, label);
    const offset = row * shard.columns * bytesPer[shard.dtype];
    device.write(shard, data as ArrayBufferView<ArrayBuffer>, offset);
  });
}

/**
 * Whole rows in blocks: exact if this is the layout of the file's type, otherwise rounded to it.
 *
 * @throws Error for a layout that numbers cannot be rounded to, which `weightTypes` never chooses
 */
export function quantisedRows(
  bytes: Uint8Array,
  from: StoredType,
  type: BlockFormat,
  name: string,
): QuantisedValues {
  if (isBlockType(from) && LAYOUT_OF[from] === type) return takeApart(bytes, from);
  if (!isRounded(type)) throw new Error(`${name}: ${from} is not held as ${type}`);
  return quantise(toFloat32(bytes, from, name), type);
}

/** Weights of which some or all are trainable parameters. */
export interface TrainableWeights extends BaseWeights {
  readonly trained: ParameterStore;
}

interface TrainableOptions {
  /** Which weights are trained. The others keep their stored type, like those of an adapter's base. */
  readonly part: TrainedPart;
  /** The optimiser's state of each of them. */
  readonly state: StatePlanes;
  /** The type of matrices that are frozen and not quantised. */
  readonly dtype: 'f32' | 'f16';
}

/** Loads weights for full fine-tuning: the trained ones as parameters, always f32, and the others frozen. */
export async function loadTrainable(
  device: Device,
  model: ModelDefinition,
  source: WeightSource,
  options: TrainableOptions,
  onProgress?: LoadProgress,
): Promise<TrainableWeights> {
  checkWeights(model, source);
  const weights = emptyTrainableWeights(device, model, options, (spec) => entryOf(source, spec).entry.dtype);
  const { trained } = weights;
  await fill(device, model, source, weights, onProgress, ({ name }, bytes, from, firstRow) => {
    if (trained.find(name))
      trained.write(name, toFloat32(bytes, from, name) as Float32Array<ArrayBuffer>, 'values', firstRow);
    else write(device, weights.find(name)!, firstRow, bytes, from);
  });
  return weights;
}

/** The memory of weights for full fine-tuning, without values. @param storedAs as of {@link emptyFrozen} */
export function emptyTrainableWeights(
  device: Device,
  model: ModelDefinition,
  { part, state, dtype }: TrainableOptions,
  storedAs?: StoredAs,
): TrainableWeights {
  const learns = trainedPart(model, part);
  const trained = new ParameterStore(
    device,
    model.weights.filter(learns).map((spec) => ({ ...spec, table: isEmbedding(model, spec) })),
    { state },
    true,
  );
  const rest = { ...model, weights: model.weights.filter((spec) => !learns(spec)) };
  const frozen = emptyFrozen(device, rest, dtype, AS_STORED, storedAs);
  return {
    trained,
    find: (name) => trained.find(name) ?? frozen.find(name),
    get bytes() {
      return trained.bytes + frozen.bytes;
    },
    destroy() {
      trained.destroy();
      frozen.destroy();
    },
  };
}

/** Written data stay in the driver's memory until the GPU has read them: without a pause, the whole model would be in memory twice. */
const IN_FLIGHT_BYTES = 64 * 2 ** 20;

/**
 * Reads every weight in its model's layout: whole, or matrices in chunks of an even number of rows, whose bytes on the GPU are then whole
 * words.
 */
async function eachWeight(
  device: Device,
  model: WeightedModel,
  source: WeightSource,
  onProgress: LoadProgress | undefined,
  use: (spec: WeightSpec, bytes: Uint8Array, dtype: StoredType, firstRow: number) => void,
): Promise<void> {
  const entries = model.weights.map((spec) => [spec, entryOf(source, spec)] as const);
  const total = entries.reduce((sum, [, { entry }]) => sum + entry.byteLength, 0);
  let done = 0;
  let inFlight = 0;
  for (const [spec, { entry, turn }] of entries) {
    const columns = spec.shape[spec.shape.length - 1];
    const rows = sizeOf(spec.shape) / columns;
    const whole = turn || spec.shape.length < 2;
    const step = whole ? rows : Math.max(2, 2 * Math.floor(CHUNK_VALUES / columns / 2));
    const rowBytes = entry.byteLength / rows;
    for (let first = 0; first < rows; first += step) {
      const bytes = await entry.readRange(first * rowBytes, Math.min(first + step, rows) * rowBytes);
      use(spec, turn ? transposeBytes(bytes, entry.shape) : bytes, entry.dtype, first);
      onProgress?.((done += bytes.length), total);
      inFlight += bytes.length;
      if (inFlight < IN_FLIGHT_BYTES) continue;
      await device.settle();
      inFlight = 0;
    }
  }
}

/** As `inModelLayout`, checked. */
function entryOf(source: WeightSource, spec: WeightSpec): { entry: TensorEntry; turn: boolean } {
  const { name } = spec;
  const shape = folderShape(spec);
  const entry = source.get(name);
  if (!entry) throw wrongTensor(`The weights have no tensor ${name}, which config.json asks for.`);
  if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
    throw wrongTensor(
      `Tensor ${name} has the shape [${entry.shape.join(', ')}], and config.json asks for [${shape.join(', ')}].`,
    );
  }
  const held = inModelLayout(spec, entry);
  const { dtype } = held.entry;
  if (!FLOATS.has(dtype) && (held.turn || !isBlockType(dtype)))
    throw wrongTensor(`Tensor ${name} has the type ${dtype}; F32, F16, BF16 and GGUF's are read.`);
  return held;
}

function wrongTensor(what: string): GraftError {
  return new GraftError('weights-tensor', what, 'Check that config.json and the weights belong together.');
}

function toFloat16(bytes: Uint8Array, from: StoredType, name: string): Uint16Array {
  if (from === 'F16') return new Uint16Array(bytes.slice().buffer);
  return float32ToFloat16(toFloat32(bytes, from, name));
}

/** Base plus adapter as one model: the adapter is merged into the weights of its layers, everything else stays the same. */
import { GraftError } from '../errors.ts';
import { quantisedRows } from '../model/base-weights.ts';
import { weightOf, type ModelDefinition, type WeightSpec } from '../model/definition.ts';
import {
  inModelLayout,
  otherTensors,
  storedType,
  toFolder,
  toModel,
  transposeBytes,
} from '../model/folder-layout.ts';
import type { AdapterModule } from '../adapters/kind.ts';
import { kindOf } from '../adapters/registry.ts';
import { addedRows, TOKENS, type AddedRows } from '../adapters/tokens/tokens.ts';
import { isQuantised, weightTypes, type WeightChoices } from '../model/weight-types.ts';
import { isBlockType } from '../weights/blocks.ts';
import {
  float32ToBfloat16,
  float32ToFloat16,
  storedBytes,
  toFloat32,
  type Dtype,
  type StoredType,
} from '../weights/dtypes.ts';
import type { WeightSource } from '../weights/folder.ts';
import { dequantise, type BlockFormat } from '../weights/layouts.ts';
import { safetensorsHeader, type TensorEntry, type TensorToWrite } from '../weights/safetensors.ts';
import type { AdapterData } from './peft.ts';
import type { WrittenTensor } from './weight-files.ts';
import { untied, unties } from './untie.ts';

/** What transformers asks for in the metadata of its weights. */
const FORMAT = { format: 'pt' };

/** The types of a merged model, known before any tensor is read. */
interface MergedPlan {
  /** Types that its tensors have, the one with the most bytes first. */
  readonly dtypes: readonly Dtype[];
}

/** @throws GraftError `adapter-merge` if the adapter cannot be merged into the weights of a base */
export function checkMergeable({ config }: Pick<AdapterData, 'config'>): void {
  const reason = kindOf(config).unmergeable;
  if (reason !== undefined)
    throw new GraftError('adapter-merge', reason, 'Export the adapter itself, as a PEFT folder.');
}

/** @param choices as for {@link mergedWeights} */
export function planMerged(
  model: ModelDefinition,
  source: WeightSource,
  adapter: AdapterData,
  choices?: WeightChoices,
): MergedPlan {
  const sizes = new Map<Dtype, number>();
  for (const { dtype, shape } of writtenTensors(layoutOf(model, source, choices, adapter), adapter))
    sizes.set(dtype, (sizes.get(dtype) ?? 0) + storedBytes(dtype, shape));
  return {
    dtypes: [...sizes].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype),
  };
}

/**
 * The bytes of model.safetensors, tensor by tensor: never more than one tensor in memory, and of a tensor that is only copied no more than
 * a part. Tensors keep the type that they have in the base, rounded once; quantised ones, there or by `choices`, become F16. A tied
 * head stays absent, so that it stays tied, unless the adapter has trained embedding or head as a whole: then there are both. Other tensors of the folder are copied unchanged.
 *
 * @param source the base's weights
 * @param choices the types of the base weights when the adapter was trained: quantised weights are written as the numbers that their blocks stand for
 * @throws GraftError `adapter-merge` when the first bytes are asked for, as {@link checkMergeable}
 */
export async function* mergedWeights(
  model: ModelDefinition,
  source: WeightSource,
  adapter: AdapterData,
  choices?: WeightChoices,
): AsyncGenerator<Uint8Array> {
  checkMergeable(adapter);
  const tensors = mergedParts(model, source, adapter, choices);
  yield safetensorsHeader(tensors, FORMAT);
  for (const { pieces } of tensors) yield* pieces();
}

/**
 * The tensors of a merged model in the order of its file, each with its bytes in pieces. Parameters as for {@link mergedWeights}.
 *
 * @throws GraftError `adapter-merge` as {@link checkMergeable}
 */
export function mergedParts(
  model: ModelDefinition,
  source: WeightSource,
  adapter: AdapterData,
  choices?: WeightChoices,
): readonly WrittenTensor[] {
  checkMergeable(adapter);
  return writtenTensors(layoutOf(model, source, choices, adapter), adapter);
}

/** The tensors of a layout. A weight whose folder has it in parts is written in these parts. */
function writtenTensors({ entries, others }: Layout, adapter: Changes): WrittenTensor[] {
  const merges = mergesOf(adapter);
  const isCopied = ({ spec, entry, quantised }: MergedEntry): boolean =>
    !merges.has(spec.name) && !quantised && !isBlockType(entry.dtype);
  const changed = async (one: MergedEntry): Promise<Uint8Array> =>
    encode(await mergedValues(one, merges, adapter), one.written);
  async function* ofEntry(one: Layout['entries'][number]): AsyncGenerator<Uint8Array> {
    if (one.added) yield* grownPieces(one, one.added);
    else if (isCopied(one)) yield* piecesOf(one.entry);
    else yield await changed(one);
  }
  const ofParts = (one: MergedEntry, parts: readonly TensorEntry[]): WrittenTensor[] => {
    // Computed for the first part that is written, and dropped after the last one.
    let all: Promise<Uint8Array> | undefined;
    const size = storedBytes(one.written, parts[0].shape);
    async function* changedPart(i: number): AsyncGenerator<Uint8Array> {
      all ??= changed(one);
      yield (await all).subarray(i * size, (i + 1) * size);
      if (i === parts.length - 1) all = undefined;
    }
    return parts.map((part, i) => ({
      ...{ name: part.name, shape: part.shape, dtype: one.written },
      pieces: () => (isCopied(one) ? piecesOf(part) : changedPart(i)),
    }));
  };
  return [
    ...entries.flatMap((one): WrittenTensor[] => {
      const { entry, written: dtype, added } = one;
      const { name, shape, parts } = entry;
      if (parts) return ofParts(one, parts);
      const grown = added ? [grownRows(shape[0], shape[1], added), shape[1]] : shape;
      return [{ name, shape: grown, dtype, pieces: () => ofEntry(one) }];
    }),
    ...others.map((entry) => ({ ...passedOn(entry), pieces: () => passedOnPieces(entry) })),
  ];
}

/** A weight of a merged model. */
export interface MergedWeight {
  readonly name: string;
  /** Graft's shape: [outputs, inputs] for a linear layer. */
  readonly shape: readonly number[];
  /** The numbers in f32, not rounded to a type of the base. */
  readonly values: () => Promise<Float32Array<ArrayBuffer>>;
}

/**
 * The weights of a merged model, to be written in another format. Parameters as for {@link mergedWeights}.
 *
 * @param adapter undefined for the base as it is
 */
export function mergedTensors(
  model: ModelDefinition,
  source: WeightSource,
  adapter: AdapterData | undefined,
  choices?: WeightChoices,
): MergedWeight[] {
  const changes = adapter ?? { modules: [], tensors: new Map<string, Float32Array<ArrayBuffer>>() };
  const merges = mergesOf(changes);
  return layoutOf(model, source, choices, changes).entries.map((one) => {
    const { spec, added } = one;
    const rows = added ? grownRows(spec.shape[0], spec.shape[1], added) : spec.shape[0];
    return {
      name: spec.name,
      shape: [rows, ...spec.shape.slice(1)],
      async values() {
        const values = await mergedValues(one, merges, changes);
        if (!added) return toModel(spec, values);
        const grown = new Float32Array(rows * spec.shape[1]);
        grown.set(values);
        grown.set(added.values, added.first * spec.shape[1]);
        return grown;
      },
    };
  });
}

type Changes = Pick<AdapterData, 'modules' | 'tensors'>;
type Merges = ReadonlyMap<string, { readonly module: AdapterModule; readonly part: 'weight' | 'bias' }>;

/** Which layer of the adapter changes a weight, by its name. */
function mergesOf({ modules }: Changes): Merges {
  return new Map(
    modules
      .filter(({ kind }) => kind !== TOKENS)
      .flatMap((module) => {
        const into = (part: 'weight' | 'bias') =>
          [part === 'weight' ? weightOf(module) : `${module.path}.bias`, { module, part }] as const;
        return (kindOf(module).mergedParts?.(module) ?? ['weight']).map(into);
      }),
  );
}

/** The numbers of a weight with the adapter in it, in the folder's layout. */
async function mergedValues(
  { spec, entry, quantised }: MergedEntry,
  merges: Merges,
  { tensors }: Changes,
): Promise<Float32Array<ArrayBuffer>> {
  const values = await valuesOf(spec, entry, quantised);
  const merge = merges.get(spec.name);
  if (merge) {
    const { module, part } = merge;
    kindOf(module).merge?.({ part, values, transposed: spec.transposed ?? false }, module, tensors);
  }
  return values;
}

interface MergedEntry {
  readonly spec: WeightSpec;
  readonly entry: TensorEntry;
  readonly quantised: BlockFormat | undefined;
  readonly written: Dtype;
}

interface Layout {
  /** The model's own, in the order of the file. The others follow them. */
  readonly entries: readonly (MergedEntry & { readonly added: AddedRows | undefined })[];
  readonly others: readonly TensorEntry[];
}

/** Rows that replace others or follow the last one. */
async function* grownPieces(
  { spec, entry, quantised, written }: MergedEntry,
  { first, values }: AddedRows,
): AsyncGenerator<Uint8Array> {
  const rowBytes = storedBytes(written, [spec.shape[1]]);
  const behind = (first + values.length / spec.shape[1]) * rowBytes;
  const rows = encode(values, written);
  if (quantised || isBlockType(entry.dtype)) {
    const all = encode(await valuesOf(spec, entry, quantised), written);
    yield* [all.subarray(0, first * rowBytes), rows, all.subarray(behind)];
    return;
  }
  yield* piecesOf(entry, 0, first * rowBytes);
  yield rows;
  yield* piecesOf(entry, behind);
}

/** Which tensors are written, and in which types. */
function layoutOf(
  base: ModelDefinition,
  weights: WeightSource,
  choices: WeightChoices | undefined,
  adapter: Changes,
): Layout {
  const added = addedRows(adapter);
  const { model, source } = unties(adapter.modules, base)
    ? untied(base, weights)
    : { model: base, source: weights };
  const types = choices && weightTypes(model, choices, 'f32', (spec) => storedType(source, spec)!);
  const entries = model.weights.map((spec) => {
    const entry = source.get(spec.name)!;
    const type = types?.of(spec);
    const quantised = type && isQuantised(type) ? type : undefined;
    const written = writtenType(entry.dtype, quantised);
    return { spec, entry, quantised, written, added: added.get(spec.name) };
  });
  return { entries, others: otherTensors(model, source) };
}

/** Rows of a weight whose last rows are replaced or followed by others. */
function grownRows(rows: number, width: number, { first, values }: AddedRows): number {
  return Math.max(rows, first + values.length / width);
}

/** Bytes of a tensor that are in memory at once, if they are only copied. */
const PIECE = 16 * 2 ** 20;

async function* piecesOf(entry: TensorEntry, from = 0, end = entry.byteLength): AsyncGenerator<Uint8Array> {
  for (let start = from; start < end; start += PIECE)
    yield await entry.readRange(start, Math.min(start + PIECE, end));
}

/** How a tensor that Graft does not know is written. */
export function passedOn({ name, shape, dtype }: TensorEntry): Omit<TensorToWrite, 'data'> {
  return { name, shape, dtype: writtenType(dtype) };
}

/** Its bytes, a part at a time; whole if it was in blocks. */
export async function* passedOnPieces(entry: TensorEntry): AsyncGenerator<Uint8Array> {
  if (!isBlockType(entry.dtype)) {
    yield* piecesOf(entry);
    return;
  }
  const values = toFloat32(await entry.read(), entry.dtype, entry.name);
  yield encode(Float32Array.from(values), writtenType(entry.dtype));
}

/** The numbers of a weight in the folder's layout, quantised and dequantised if it was in blocks. */
async function valuesOf(
  spec: WeightSpec,
  entry: TensorEntry,
  quantised: BlockFormat | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  if (!quantised) return Float32Array.from(toFloat32(await entry.read(), entry.dtype, entry.name));
  const { entry: held, turn } = inModelLayout(spec, entry);
  const bytes = await held.read();
  const rows = turn ? transposeBytes(bytes, held.shape) : bytes;
  return toFolder(spec, dequantise(quantisedRows(rows, held.dtype, quantised, held.name), quantised));
}

/** safetensors has no blocks. Tensors in blocks become F16, which rounds by far less than a step of the blocks. */
function writtenType(dtype: StoredType, quantised?: BlockFormat): Dtype {
  if (isBlockType(dtype)) return 'F16';
  return quantised && dtype !== 'F32' ? 'F16' : dtype;
}

function encode(values: Float32Array<ArrayBuffer>, dtype: Dtype): Uint8Array {
  const encoders: Partial<Record<Dtype, () => ArrayBufferView>> = {
    F32: () => values,
    F16: () => float32ToFloat16(values),
    BF16: () => float32ToBfloat16(values),
  };
  const bytes = encoders[dtype]?.();
  if (!bytes) throw new Error(`There is no encoder for ${dtype}`);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A merged model as one GGUF file that llama.cpp loads: metadata, tokenizer, and tensors that are made as they are written. */
import { withArticle } from '../../numbers.ts';
import { GraftError } from '../../errors.ts';
import type { NewTokens } from '../../text/added-tokens.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { readJson, type FileSet } from '../../weights/bytes.ts';
import { storedBytes } from '../../weights/dtypes.ts';
import { layerPlace, pairsTogether } from '../../weights/gguf/architectures.ts';
import { encodeValues, type EncodedType } from '../../weights/gguf/encode.ts';
import { GgufFolder } from '../../weights/gguf/folder.ts';
import { TOKEN_TYPE } from '../../weights/gguf/vocabulary.ts';
import {
  alignedSize,
  ggufHeader,
  padding,
  type PlannedTensor,
  type WrittenEntry,
} from '../../weights/gguf/write.ts';
import type { FolderFile } from '../folder-sink.ts';
import type { MergedWeight } from '../merge.ts';
import { architectureMetadata, windowNote } from './metadata.ts';
import { tokenizerEntries } from './tokenizer.ts';
import { fileTypeOf, isQuantisedType, tensorType, type GgufType } from './types.ts';

interface Merged {
  readonly model: ModelDefinition;
  readonly weights: readonly MergedWeight[];
  /** The base's folder, with the changes of the adapter to configuration and tokenizer. */
  readonly folder: FileSet;
  /** The base as it was opened: metadata of a GGUF file are copied. */
  readonly base: FileSet;
  /** Tokens that the adapter adds. */
  readonly added?: NewTokens;
}

interface GgufModel {
  readonly file: FolderFile;
  /** How many tensors have which type, the type with the most bytes first. */
  readonly types: readonly (readonly [type: EncodedType, tensors: number])[];
  /** What llama.cpp leaves out, in a sentence. */
  readonly note: string | undefined;
}

interface Tensor extends PlannedTensor {
  readonly type: EncodedType;
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * @param name of the file
 * @throws GraftError `export-format` naming what GGUF or llama.cpp does not have, `tokenizer-…`
 */
export async function ggufModel(
  name: string,
  title: string,
  merged: Merged,
  type: GgufType,
): Promise<GgufModel> {
  const { model, base } = merged;
  const places = merged.weights.map((weight) => ({ weight, place: placeOf(model, weight.name) }));
  const { architecture } = places[0].place;
  const { entries, factors } = await metadataOf(architecture, merged);
  const hasHead = places.some(({ place }) => place.name === 'output.weight');
  const tensors: Tensor[] = [
    ...places.map(({ weight, place }) => tensorOf(model, weight, place, type, hasHead)),
    ...factors,
  ];
  const header = ggufHeader(
    [
      ['general.architecture', 'text', architecture],
      ['general.type', 'text', 'model'],
      ['general.name', 'text', title],
      ['general.file_type', 'u32', fileTypeOf(type)],
      ...(isQuantisedType(type) ? [['general.quantization_version', 'u32', 2] as const] : []),
      ...entries,
    ],
    tensors,
  );
  const sizes = new Map<EncodedType, [bytes: number, tensors: number]>();
  for (const { type: own, shape } of tensors) {
    const [bytes, count] = sizes.get(own) ?? [0, 0];
    sizes.set(own, [bytes + storedBytes(own, shape), count + 1]);
  }
  return {
    file: {
      name,
      size: tensors.reduce(
        (sum, tensor) => sum + alignedSize(storedBytes(tensor.type, tensor.shape)),
        header.byteLength,
      ),
      async *read() {
        yield header;
        for (const { bytes } of tensors) {
          const data = await bytes();
          yield data;
          yield padding(data.byteLength);
        }
      },
    },
    types: [...sizes].sort(([, [a]], [, [b]]) => b - a).map(([own, [, count]]) => [own, count]),
    note: base instanceof GgufFolder ? undefined : windowNote(architecture, model),
  };
}

interface Place {
  readonly architecture: string;
  /** GGUF's name. */
  readonly name: string;
  readonly rotary?: 'heads' | 'kvHeads';
  readonly plusOne: boolean;
}

function placeOf({ modelType }: ModelDefinition, name: string): Place {
  const dot = name.lastIndexOf('.');
  const kind = name.slice(dot + 1);
  const place = layerPlace(modelType, name.slice(0, dot));
  if (!place)
    throw new GraftError(
      'export-format',
      `GGUF has no place for the weight ${name} of ${withArticle(modelType)} model.`,
      'Export a merged model folder instead, with --format merged.',
    );
  const { architecture, stem, rotary, plusOne = false } = place;
  return {
    ...{ architecture, name: `${stem}.${kind}` },
    ...(rotary && { rotary }),
    plusOne: plusOne && kind === 'weight',
  };
}

function tensorOf(
  model: ModelDefinition,
  { shape, values }: MergedWeight,
  { name, rotary, plusOne }: Place,
  type: GgufType,
  hasHead: boolean,
): Tensor {
  const own = tensorType(type, { name, shape }, { layers: model.shape.layers, hasHead });
  return {
    ...{ name, shape, type: own },
    async bytes() {
      let numbers = await values();
      if (plusOne) numbers = numbers.map((value) => value + 1);
      if (rotary) numbers = movedRows(numbers, shape[0], pairsTogether(shape[0], model.shape[rotary]));
      return encodeValues(numbers, own);
    },
  };
}

/** Each row of the result is the row of `values` that `from` names. */
function movedRows(
  values: Float32Array<ArrayBuffer>,
  rows: number,
  from: (row: number) => number,
): Float32Array<ArrayBuffer> {
  const width = values.length / rows;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    out.set(values.subarray(from(row) * width, (from(row) + 1) * width), row * width);
  return out;
}

interface MetadataAndFactors {
  readonly entries: readonly WrittenEntry[];
  readonly factors: readonly Tensor[];
}

async function metadataOf(architecture: string, merged: Merged): Promise<MetadataAndFactors> {
  const { base, folder, model, weights } = merged;
  const [rows] = weights.find(({ name }) => name === `${model.embedding.path}.weight`)!.shape;
  const tokenizerFrom = async (): Promise<readonly WrittenEntry[]> => {
    if (folder.list().includes('tokenizer.json')) return tokenizerEntries(folder, rows);
    throw new GraftError(
      'export-format',
      `${base.name} has no tokenizer.json, and a GGUF file holds its tokenizer.`,
      'Put the tokenizer of the model into its folder.',
    );
  };
  if (base instanceof GgufFolder && !isConfigured(base)) {
    const copied = await copiedEntries(base, merged.added, rows);
    const tokenizer = copied.some(([key]) => key === TOKENS) ? [] : await tokenizerFrom();
    return { entries: [...copied, ...tokenizer], factors: copiedFactors(base) };
  }
  const config = (await readJson(folder, 'config.json', 1 << 20))!;
  const { entries, factors } = architectureMetadata(architecture, model, config);
  return {
    entries: [
      ...entries.filter(([key]) => !key.endsWith('.vocab_size')),
      [`${architecture}.vocab_size`, 'u32', rows],
      ...(await tokenizerFrom()),
    ],
    factors: factors.map(({ data, ...tensor }) => ({
      ...tensor,
      type: 'F32',
      bytes: () => Promise.resolve(new Uint8Array(data.buffer)),
    })),
  };
}

/** Whether files next to a GGUF file contradict its metadata: a person who puts them there means it. */
const isConfigured = ({ files }: GgufFolder): boolean =>
  ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'].some((name) =>
    files.list().includes(name),
  );

const TOKENS = 'tokenizer.ggml.tokens';
/** Entries that say how the base's own file was made. */
const NOT_COPIED =
  /^general\.(architecture|type|name|file_type|quantization_version|alignment)$|^(split|quantize)\.|\.vocab_size$/;

/** The metadata of the base, unchanged, with the adapter's new tokens in the lists of the tokenizer. */
async function copiedEntries(
  { header: { source, metadata, places } }: GgufFolder,
  added: NewTokens | undefined,
  rows: number,
): Promise<readonly WrittenEntry[]> {
  const entries: WrittenEntry[] = [];
  const last = added ? added.first + added.texts.length : 0;
  const grown = <Item>(
    list: readonly Item[],
    filler: (id: number) => Item,
    item: (id: number) => Item,
  ): Item[] => [
    ...list.slice(0, added!.first),
    ...Array.from({ length: Math.max(0, added!.first - list.length) }, (_, at) => filler(list.length + at)),
    ...added!.texts.map((_, at) => item(added!.first + at)),
    ...list.slice(last),
  ];
  for (const [key, [start, end]] of places) {
    if (NOT_COPIED.test(key)) continue;
    if (added && key === TOKENS) {
      const text = (id: number): string => added.texts[id - added.first];
      entries.push([key, 'texts', grown(metadata.texts(key)!, (id) => `[PAD${id}]`, text)]);
    } else if (added && key === 'tokenizer.ggml.token_type') {
      const types = grown(
        metadata.numbers(key)!,
        () => TOKEN_TYPE.UNUSED as number,
        () => TOKEN_TYPE.USER_DEFINED,
      );
      entries.push([key, 'i32s', types]);
    } else if (added && key === 'tokenizer.ggml.scores') {
      entries.push([
        key,
        'f32s',
        grown(
          metadata.numbers(key)!,
          () => 0,
          () => 0,
        ),
      ]);
    } else {
      entries.push([key, 'raw', await source.read(start, end)]);
    }
  }
  const arch = metadata.text('general.architecture');
  return [...entries, [`${arch}.vocab_size`, 'u32', rows]];
}

/** Factors of rotary frequencies, which are tensors of the base that hold no weights. */
function copiedFactors({ header: { source, tensors } }: GgufFolder): Tensor[] {
  return tensors
    .filter(({ name, type }) => /^rope_f(reqs|actors_\w+)\.weight$/.test(name) && type === 'F32')
    .map(({ name, shape, start, byteLength }) => ({
      ...{ name, shape, type: 'F32' },
      bytes: () => source.read(start, start + byteLength),
    }));
}

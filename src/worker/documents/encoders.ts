/** Encoders of documents: those that are kept, the one that is offered, and the one that is on the device. */
import { Adapter } from '../../adapters/adapter.ts';
import type { Device } from '../../engine/device.ts';
import { GraftError, messageOf } from '../../errors.ts';
import { readPeft, type AdapterData } from '../../export/peft.ts';
import { contentOf, hashOf } from '../../model/content.ts';
import { parametersOf } from '../../model/definition.ts';
import { Embedder } from '../../model/embedder.ts';
import { Encoder } from '../../model/encoder.ts';
import { defineEncoder, readEncoder } from '../../model/family.ts';
import { isOnnxEncoder, onlyOnnx, onnxPositions } from '../../model/onnx-encoder.ts';
import { readPooling, readWindow, type PoolingSettings } from '../../model/pooling.ts';
import { INT8_WEIGHTS } from '../../model/weight-types.ts';
import { DeviceVectors } from '../../retrieval/device-vectors.ts';
import { inMemory } from '../../retrieval/search.ts';
import type { StoredFiles } from '../../storage/records.ts';
import { textIds } from '../../text/text-ids.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { memoryFiles, type FileSet } from '../../weights/bytes.ts';
import type { EncoderChoice, OfferedEncoder, Progress } from '../api.ts';
import type { DeviceEncoder, EncoderFacts } from './ports.ts';

/** Chunks from which on the device computes the products: copying fewer takes longer than a loop over them. */
const ON_DEVICE = 10_000;
const BYTES_PER_NUMBER = 4;

/** config.json of sentence-transformers/all-MiniLM-L6-v2: 384 channels, 6 layers. */
const MINILM_L6 = {
  model_type: 'bert',
  hidden_size: 384,
  num_hidden_layers: 6,
  num_attention_heads: 12,
  intermediate_size: 1536,
};

/** A small encoder that suits a browser. */
export function offeredEncoders(): OfferedEncoder[] {
  const id = 'sentence-transformers/all-MiniLM-L6-v2';
  return [
    {
      id,
      licence: 'apache-2.0',
      weightBytes: BYTES_PER_NUMBER * parametersOf(defineEncoder(MINILM_L6, id)),
      goodAt: 'Short passages in English, up to 256 tokens.',
    },
  ];
}

interface Read extends EncoderFacts {
  readonly settings: PoolingSettings;
  readonly window: number;
  /** Whether ONNX Runtime runs it. */
  readonly isOnnx: boolean;
  /** What it is tuned with. */
  readonly adapter?: AdapterData;
}

/** What makes vectors of token ids. */
interface Maker {
  readonly size: number;
  embed(
    texts: readonly (readonly number[])[],
    watch?: Parameters<DeviceEncoder['embed']>[2],
  ): Promise<Float32Array<ArrayBuffer>>;
  destroy(): Promise<void>;
}

/** All of an encoder but its weights. @throws GraftError `documents-encoder`, `adapter-…`, `config-…`, `tokenizer-…` */
async function readFacts(
  files: FileSet,
  { passagePrefix, weights, adapter: named }: EncoderChoice,
  stored: StoredFiles | undefined,
): Promise<Read> {
  const isOnnx = await isOnnxEncoder(files);
  if (isOnnx && named)
    throw new GraftError(
      'documents-encoder',
      `ONNX Runtime runs ${files.name}, and puts no adapter on it.`,
      'Choose the encoder without the adapter, or add its folder with safetensors.',
    );
  const adapter =
    named && stored && (await readPeft(memoryFiles(stored, named.name), await readEncoder(files)));
  const positions = isOnnx ? await onnxPositions(files) : (await readEncoder(files)).shape.maxPositions;
  const settings = await readPooling(files);
  const window = await readWindow(files, positions);
  const content = await contentOf(files);
  const { pooling, normalise } = settings;
  const made = [content, pooling, normalise, window, passagePrefix];
  const rounded = isOnnx ? undefined : weights;
  const how = isOnnx ? 'onnx' : rounded;
  const tuned = stored && {
    adapter: await hashOf(
      Object.keys(stored)
        .sort()
        .map((name) => stored[name]),
    ),
  };
  return {
    ...{ content, settings, window, isOnnx },
    ...(rounded && { weights: rounded }),
    ...(adapter && { adapter }),
    maker: JSON.stringify([...made, ...(how ? [how] : []), ...(tuned ? [tuned] : [])]),
    tokenizer: await loadTokenizer(files),
  };
}

/** The encoder in a folder: only its ONNX file, if that is what runs. @throws GraftError as `isOnnxEncoder` */
export const runnable = async (files: FileSet): Promise<FileSet> =>
  (await isOnnxEncoder(files)) ? onlyOnnx(files) : files;

export class Encoders {
  #open: { readonly key: string; readonly device: Device; readonly encoder: OnDevice } | undefined;

  /**
   * @param filesOf the folder of a kept model
   * @param adapterOf the files of an adapter of the library
   * @param device opened if there is none
   */
  constructor(
    private readonly filesOf: (name: string) => Promise<FileSet>,
    private readonly adapterOf: (id: string) => Promise<StoredFiles>,
    private readonly device: () => Promise<Device>,
  ) {}

  /** Whether one is on the device. */
  get holds(): boolean {
    return this.#open !== undefined;
  }

  /** @throws GraftError `model-missing`, `worker-no-adapter`, `adapter-…`, `config-…`, `tokenizer-…` */
  async facts(choice: EncoderChoice): Promise<EncoderFacts> {
    return this.#read(await this.filesOf(choice.name), choice);
  }

  async #read(files: FileSet, choice: EncoderChoice): Promise<Read> {
    return readFacts(files, choice, choice.adapter && (await this.adapterOf(choice.adapter.id)));
  }

  /** Loads an encoder in place of another. @throws GraftError as {@link facts}, `weights-…`, `engine-…` */
  async open(choice: EncoderChoice, onProgress: (progress: Progress) => void): Promise<DeviceEncoder> {
    const device = await this.device();
    const key = JSON.stringify([choice.name, choice.passagePrefix, choice.weights, choice.adapter?.id]);
    const held = this.#open;
    if (held?.key === key && held.device === device && !device.failure) return held.encoder;
    await this.release();
    const files = await this.filesOf(choice.name);
    const facts = await this.#read(files, choice);
    const hear = (done: number, total: number): void => onProgress({ what: 'loading', done, total });
    const maker = facts.isOnnx ? await onnxMaker(files, facts) : await ownMaker(device, files, facts, hear);
    const opened = new OnDevice(facts, maker, device);
    this.#open = { key, device, encoder: opened };
    return opened;
  }

  /** Frees its memory. To be called in a turn on the device. */
  async release(): Promise<void> {
    const held = this.#open;
    this.#open = undefined;
    if (held && !held.device.failure) await held.encoder.destroy();
    else if (held) await held.encoder.lose();
  }

  /** The device is lost, and all that was on it. */
  lose(): void {
    const held = this.#open;
    this.#open = undefined;
    void held?.encoder.lose();
  }
}

/** Graft's own engine. @throws GraftError `weights-…`, `engine-…` */
async function ownMaker(
  device: Device,
  files: FileSet,
  { settings, weights, adapter: data }: Read,
  onProgress: (done: number, total: number) => void,
): Promise<Maker> {
  let adapter: Adapter | undefined;
  const encoder = await Encoder.load(device, files, {
    ...{ precision: 'f32', onProgress },
    ...(weights && { weights: INT8_WEIGHTS }),
    ...(data && {
      adapt: async (model) => (adapter = await Adapter.frozen(model, data.modules, data.tensors)),
    }),
  });
  const embedder = new Embedder(encoder, settings);
  return {
    size: embedder.size,
    embed: (texts, watch) => embedder.embed(texts, watch),
    async destroy() {
      if (!device.failure) await device.settle();
      embedder.destroy();
      adapter?.destroy();
      await encoder.destroy();
    },
  };
}

/** ONNX Runtime. @throws GraftError `onnx-model`, `worker-fetch` */
async function onnxMaker(files: FileSet, { settings, tokenizer, window }: Read): Promise<Maker> {
  const { OnnxModel } = await import('./transformers-js.ts').catch((cause: unknown) => {
    throw new GraftError(
      'worker-fetch',
      `ONNX Runtime, which runs this encoder, could not be loaded: ${messageOf(cause)}.`,
      'Check the connection, then try again; after the first use it is kept for use offline.',
      { cause },
    );
  });
  return OnnxModel.load(files, settings, textIds(tokenizer, 'a', window).ids);
}

class OnDevice implements DeviceEncoder {
  constructor(
    private readonly read: Read,
    private readonly made: Maker,
    private readonly device: Device,
  ) {}

  get content(): string {
    return this.read.content;
  }
  get maker(): string {
    return this.read.maker;
  }
  get tokenizer(): EncoderFacts['tokenizer'] {
    return this.read.tokenizer;
  }
  get size(): number {
    return this.made.size;
  }

  embed(
    texts: readonly string[],
    prefix: string,
    watch: Parameters<DeviceEncoder['embed']>[2] = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { tokenizer, window } = this.read;
    const rows = texts.map((text) => textIds(tokenizer, prefix + text, window).ids);
    return this.made.embed(rows, watch);
  }

  async hold(vectors: Float32Array): ReturnType<DeviceEncoder['hold']> {
    if (vectors.length / this.size < ON_DEVICE) return { ...inMemory(vectors), destroy: () => undefined };
    const held = await DeviceVectors.open(this.device, vectors, this.size);
    return {
      search: (question, max, allowed) => held.search(question, max, allowed),
      destroy: () => held.destroy(),
    };
  }

  destroy(): Promise<void> {
    return this.made.destroy();
  }

  /** The device is lost: frees what was not on it. */
  async lose(): Promise<void> {
    if (this.read.isOnnx) await this.made.destroy();
  }
}

/**
 * ONNX Runtime by Transformers.js, which runs the encoders that Graft has no kernels for. Nothing comes from elsewhere: the runtime is two files of the app,
 * and the model is read from the folder that this browser keeps. Loaded when such an encoder is first opened.
 */
import { AutoModel, env, LogLevel, Tensor } from '@xenova/transformers';
import { glue, wasm } from 'virtual:onnxruntime';
import { GraftError, messageOf } from '../../errors.ts';
import type { Pooling, PoolingSettings } from '../../model/pooling.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { onnxFileOf } from '../../weights/companions.ts';

/** More did not make texts of this length faster. */
const MAX_THREADS = 4;
/** Texts and tokens of a call, padding included: more made a call no faster for each text. */
const BATCH_TEXTS = 8;
const BATCH_TOKENS = 1024;
/** Where Transformers.js looks for the folder. Its name is part of no address. */
const ROOT = '/folder/';
const MODEL = 'encoder';
/** The output that holds a vector of each token. */
const HIDDEN = 'last_hidden_state';

interface EmbedOptions {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

interface Hidden {
  /** [texts, tokens, size] */
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}

let ready = false;

/** Once for all: its settings are those of the module. */
function setUp(): void {
  if (ready) return;
  // It warns of model types that it does not know and runs all the same.
  env.logLevel = LogLevel.ERROR;
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = ROOT;
  env.useBrowserCache = false;
  // It would start the runtime from a blob, which the page's policy forbids.
  env.useWasmCache = false;
  const runtime = env.backends.onnx.wasm!;
  const address = (path: string): string => new URL(path, self.location.href).href;
  runtime.wasmPaths = { mjs: address(glue), wasm: address(wasm) };
  // Only a page that is isolated from others may share its memory with other threads.
  runtime.numThreads = crossOriginIsolated ? Math.min(MAX_THREADS, navigator.hardwareConcurrency) : 1;
  ready = true;
}

/** Answers what Transformers.js asks for from a folder, instead of the network. */
const fetchFrom =
  (files: FileSet): typeof fetch =>
  async (input) => {
    const address = input instanceof Request ? input.url : String(input);
    const prefix = `${ROOT}${MODEL}/`;
    const source = address.startsWith(prefix) ? await files.open(address.slice(prefix.length)) : undefined;
    if (!source) return new Response(null, { status: 404 });
    return new Response(new Blob([await source.read(0, source.size)]));
  };

/** An encoder in ONNX Runtime. */
export class OnnxModel {
  private constructor(
    private readonly model: Awaited<ReturnType<typeof AutoModel.from_pretrained>>,
    private readonly settings: Pick<PoolingSettings, 'pooling' | 'normalise'>,
    private readonly name: string,
    /** Numbers of a vector. */
    readonly size: number,
  ) {}

  /**
   * @param files with an ONNX file
   * @param probe token ids of a text, which shows what the model gives
   * @throws GraftError `onnx-model` for a file that ONNX Runtime does not run or that gives no vectors of tokens
   */
  static async load(
    files: FileSet,
    settings: Pick<PoolingSettings, 'pooling' | 'normalise'>,
    probe: readonly number[],
  ): Promise<OnnxModel> {
    setUp();
    env.fetch = fetchFrom(files);
    const quantised = onnxFileOf(files.list())?.includes('quantized') === true;
    try {
      const model = await AutoModel.from_pretrained(MODEL, {
        device: 'wasm',
        dtype: quantised ? 'q8' : 'fp32',
        local_files_only: true,
      });
      const { dims } = await hiddenOf(model, [probe]);
      return new OnnxModel(model, settings, files.name, dims[2]);
    } catch (cause) {
      throw refused(files.name, cause);
    }
  }

  /**
   * A vector for each text.
   *
   * @param texts token ids of each, special ones included
   * @returns [texts, size], in the order of the texts
   * @throws GraftError `onnx-model`, and the signal's reason
   */
  async embed(
    texts: readonly (readonly number[])[],
    { onProgress, signal }: EmbedOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { size } = this;
    const all = new Float32Array(texts.length * size);
    let done = 0;
    for (const batch of batches(texts)) {
      signal?.throwIfAborted();
      const rows = batch.map((at) => texts[at]);
      const hidden = await hiddenOf(this.model, rows).catch((cause: unknown) => {
        throw refused(this.name, cause);
      });
      batch.forEach((at, row) =>
        pool(hidden, row, rows[row].length, this.settings, all.subarray(at * size, (at + 1) * size)),
      );
      onProgress?.((done += batch.length), texts.length);
    }
    return all;
  }

  async destroy(): Promise<void> {
    await this.model.dispose();
  }
}

/** Vectors of the tokens of texts, which are padded to the longest. @throws Error if the model gives none */
async function hiddenOf(
  model: Awaited<ReturnType<typeof AutoModel.from_pretrained>>,
  texts: readonly (readonly number[])[],
): Promise<Hidden> {
  const longest = Math.max(...texts.map(({ length }) => length));
  const shape = [texts.length, longest];
  const input = (of: (id: number) => number): Tensor => {
    const values = new BigInt64Array(texts.length * longest);
    texts.forEach((ids, row) => ids.forEach((id, at) => (values[row * longest + at] = BigInt(of(id)))));
    return new Tensor('int64', values, shape);
  };
  const outputs = (await model({ input_ids: input((id) => id), attention_mask: input(() => 1) })) as Record<
    string,
    Hidden | undefined
  >;
  const hidden = outputs[HIDDEN] ?? outputs['token_embeddings'];
  if (hidden?.dims.length !== 3 || hidden.dims[1] !== longest)
    throw new Error(`it has no output ${HIDDEN} with a vector of each token`);
  return hidden;
}

/** Writes the vector of one text. Its padding does not count. */
function pool(
  { dims: [, longest, size], data }: Hidden,
  row: number,
  tokens: number,
  { pooling, normalise }: { readonly pooling: Pooling; readonly normalise: boolean },
  into: Float32Array,
): void {
  const counted = pooling === 'cls' ? 1 : tokens;
  for (let token = 0; token < counted; token++) {
    const start = (row * longest + token) * size;
    for (let i = 0; i < size; i++) into[i] += data[start + i] / counted;
  }
  const length = normalise ? Math.hypot(...into) : 1;
  if (length > 0) for (let i = 0; i < size; i++) into[i] /= length;
}

/** Indices of the texts of each call, longest first, so that little is padded. */
function* batches(texts: readonly (readonly number[])[]): Generator<number[]> {
  const order = texts.map((_, at) => at).sort((a, b) => texts[b].length - texts[a].length);
  for (let start = 0; start < order.length;) {
    const fit = Math.floor(BATCH_TOKENS / texts[order[start]].length);
    const batch = order.slice(start, start + Math.min(BATCH_TEXTS, Math.max(1, fit)));
    yield batch;
    start += batch.length;
  }
}

const refused = (name: string, cause: unknown): GraftError =>
  cause instanceof GraftError
    ? cause
    : new GraftError(
        'onnx-model',
        `ONNX Runtime cannot run ${name}: ${messageOf(cause).slice(0, 300)}.`,
        'Choose an encoder that Transformers.js runs for feature extraction, or one with safetensors of the BERT family.',
        { cause },
      );

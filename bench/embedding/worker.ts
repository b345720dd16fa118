/** The contestants of bench/embedding.mjs, in one worker. Each gets texts and gives their vectors, tokens and pooling included. */
import { pipeline } from '@xenova/transformers';
import { Embedder } from '../../src/model/embedder.ts';
import { Encoder } from '../../src/model/encoder.ts';
import { readPooling, readWindow } from '../../src/model/pooling.ts';
import { INT8_WEIGHTS } from '../../src/model/weight-types.ts';
import { textIds } from '../../src/text/text-ids.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { memoryFiles, type FileSet } from '../../src/weights/bytes.ts';
import { OnnxModel } from '../../src/worker/documents/transformers-js.ts';
import { openBrowserProcessor } from '../../src/worker/device/processor.ts';

export type Call =
  { readonly open: readonly string[] } | { readonly run: string; readonly texts: readonly string[] };
export interface Answer {
  readonly ms: number;
  /** Of the first text, to compare contestants. */
  readonly vector?: readonly number[];
}

type Embed = (texts: readonly string[]) => Promise<ArrayLike<number>>;
const WINDOW = 256;
const contestants: Record<string, Embed> = {};

async function filesOf(names: readonly string[], left: RegExp): Promise<FileSet> {
  const kept = names.filter((name) => !left.test(name));
  const bytes = await Promise.all(
    kept.map(async (name) => new Uint8Array(await (await fetch(`/model/${name}`)).arrayBuffer())),
  );
  return memoryFiles(Object.fromEntries(kept.map((name, at) => [name, bytes[at]])), 'encoder');
}

async function open(names: readonly string[]): Promise<void> {
  const own = await filesOf(names, /\.onnx$/);
  const quantised = await filesOf(names, /\.safetensors$|onnx\/model\.onnx$/);
  const settings = await readPooling(own);
  const window = await readWindow(own, WINDOW);
  const tokenizer = await loadTokenizer(own);
  const idsOf = (texts: readonly string[]): (readonly number[])[] =>
    texts.map((text) => textIds(tokenizer, text, window).ids);

  const device = await openBrowserProcessor();
  for (const [name, weights] of [['Graft, f32'], ['Graft, int8', INT8_WEIGHTS]] as const) {
    const encoder = await Encoder.load(device, own, { precision: 'f32', ...(weights && { weights }) });
    const embedder = new Embedder(encoder, settings);
    contestants[name] = (texts) => embedder.embed(idsOf(texts));
  }

  const model = await OnnxModel.load(quantised, settings, idsOf(['a'])[0]);
  contestants['Transformers.js, int8, as Graft calls it'] = (texts) => model.embed(idsOf(texts));
  // Opening the model above has set Transformers.js up.
  const extract = await pipeline('feature-extraction', 'encoder', {
    device: 'wasm',
    dtype: 'q8',
    local_files_only: true,
  });
  contestants['Transformers.js, int8, its pipeline'] = async (texts) => {
    let first: ArrayLike<number> = [];
    for (const [at, text] of texts.entries()) {
      const { data } = await extract(text, { pooling: 'mean', normalize: true });
      if (at === 0) first = data as Float32Array;
    }
    return first;
  };
}

async function answer(call: Call): Promise<Answer> {
  const began = performance.now();
  if ('open' in call) {
    await open(call.open);
    return { ms: performance.now() - began };
  }
  const vectors = await contestants[call.run](call.texts);
  const ms = performance.now() - began;
  const size = call.run.endsWith('pipeline') ? vectors.length : vectors.length / call.texts.length;
  return { ms, vector: Array.from({ length: size }, (_, i) => vectors[i]) };
}

self.onmessage = ({ data }: MessageEvent<Call>) => {
  answer(data).then(
    (given) => self.postMessage({ answer: given }),
    (error: unknown) => self.postMessage({ error: String(error) }),
  );
};

/** An index that is open for questions: its chunks, and the encoder and vectors that rank them. */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import type { Embedder } from '../model/embedder.ts';
import { plural } from '../numbers.ts';
import { DeviceVectors } from '../retrieval/device-vectors.ts';
import { filePattern } from '../retrieval/file-pattern.ts';
import type { Allowed, Ranked, SearchMethod } from '../retrieval/ranking.ts';
import { ChunkSearch, inMemory, type SearchOptions } from '../retrieval/search.ts';
import { readIndex, type ChunkEntry } from './index-folder.ts';
import {
  encoderContent,
  encoderName,
  isIndexInt8,
  openEncoder,
  readEncoderFolder,
  type EncoderFlags,
  type EncoderFolder,
} from './open-encoder.ts';
import type { Output } from './output.ts';

/** Chunks from which on the device computes the products: copying fewer takes longer than a loop over them. */
const ON_DEVICE = 10_000;

interface SearchPlan {
  readonly method: SearchMethod;
  /** Which files are searched: a path, a folder or a pattern; all if left out. */
  readonly files?: string | undefined;
  /** The flags of the encoder, whose `--model` is its folder; not read for `bm25`. */
  readonly encoder: EncoderFlags;
  /** A device that is open already. */
  readonly device?: Device | undefined;
}

/** A question with its vector, if the method needs one. */
export interface AskedText {
  readonly text: string;
  readonly vector?: Float32Array | undefined;
}

export class IndexSearch {
  private constructor(
    readonly chunks: readonly ChunkEntry[],
    readonly method: SearchMethod,
    private readonly search: ChunkSearch,
    private readonly options: Pick<SearchOptions, 'allowed' | 'between'>,
    private readonly open?: { readonly folder: EncoderFolder; readonly embedder: Embedder },
  ) {}

  /**
   * @param path the folder of the index
   * @throws GraftError `arguments`, `index-model` if the index was made with another encoder, `index-settings` if its vectors were pooled in another way, or are in int8 and questions are not to be, or the other way round, `index-words` if it has no vectors and the method compares some, `search-file` for a pattern that no file fits, and those of
   *   `readIndex`, `readEncoderFolder` and `openEncoder`
   */
  static async open(
    path: string,
    { method, files, encoder, device }: SearchPlan,
    output: Output,
  ): Promise<IndexSearch> {
    if (method !== 'bm25' && !encoder.isGiven('model'))
      throw new GraftError(
        'arguments',
        `A search by ${method} compares vectors, and --model is missing.`,
        'Give the encoder that the index was made with, or search by words with --method bm25.',
      );
    const { model, chunks, vectors } = await readIndex(path, {
      vectors: method !== 'bm25',
      onProgress: (read) => output.progress(`Read ${plural(read, 'chunk')} of the index`),
    });
    if (method !== 'bm25' && model.size === 0)
      throw new GraftError(
        'index-words',
        `${path} has no vectors: it was made with --words-only.`,
        'Search it with --method bm25, or make the index again with an encoder.',
      );
    const allowed = files === undefined ? undefined : allowedFiles(files, chunks);
    const texts = chunks.map(({ text }) => text);
    const between = (done: number, total: number): void =>
      output.progress(`Read the words of ${done} of ${plural(total, 'chunk')}`);
    if (method === 'bm25')
      return new IndexSearch(chunks, method, new ChunkSearch(texts), { allowed, between });
    const folder = await readEncoderFolder(encoder, output);
    if ((await encoderContent(folder, encoder)) !== model.content)
      throw new GraftError(
        'index-model',
        `${path} was made with ${model.name}, and this call has ${encoderName(encoder)}: their vectors cannot be compared.`,
        'Give the model and the adapter that the index was made with, or make the index again with graft index.',
      );
    const { pooling, normalise } = folder.settings;
    if (pooling !== model.pooling || normalise !== model.normalise)
      throw new GraftError(
        'index-settings',
        `${path} was made with ${vectorsInWords(model)}, and this call has ${vectorsInWords({ pooling, normalise })}: their vectors cannot be compared.`,
        `Give --pooling ${model.pooling} and the model as it was, or make the index again with graft index.`,
      );
    const int8 = isIndexInt8(path, model.weights, encoder);
    const embedder = await openEncoder(folder, encoder, output, { device, int8 });
    const search =
      chunks.length < ON_DEVICE
        ? inMemory(vectors!)
        : await DeviceVectors.open(embedder.encoder.device, vectors!, embedder.size);
    return new IndexSearch(
      chunks,
      method,
      new ChunkSearch(texts, search),
      { allowed, between },
      { folder, embedder },
    );
  }

  /** Questions with their vectors. @throws GraftError as `Embedder.embed`, and the signal's reason */
  async embed(questions: readonly string[], output: Output, signal?: AbortSignal): Promise<AskedText[]> {
    if (!this.open) return questions.map((text) => ({ text }));
    const { folder, embedder } = this.open;
    const { size } = embedder;
    const vectors = await embedder.embed(
      questions.map((text) => folder.idsOf(text).ids),
      {
        ...(signal && { signal }),
        onProgress: (done, total) => output.progress(`Embedded ${done} of ${plural(total, 'question')}`),
      },
    );
    output.clear();
    return questions.map((text, at) => ({ text, vector: vectors.subarray(at * size, (at + 1) * size) }));
  }

  /** The best chunks for a question, best first. */
  find(question: AskedText, max: number): Promise<Ranked[]> {
    return this.search.search(question, { method: this.method, most: max, ...this.options });
  }

  /** Frees the compiled plans of the encoder. */
  close(): void {
    this.open?.embedder.destroy();
  }
}

const vectorsInWords = ({ pooling, normalise }: { pooling: string; normalise: boolean }): string =>
  `--pooling ${pooling}${normalise ? '' : ' and vectors of any length'}`;

function allowedFiles(pattern: string, chunks: readonly ChunkEntry[]): Allowed {
  const fits = filePattern(pattern);
  const files = new Set([...new Set(chunks.map(({ file }) => file))].filter(fits));
  if (files.size === 0)
    throw new GraftError(
      'search-file',
      `No file of the index fits --file ${pattern}.`,
      'Give a path as chunks.jsonl has it, a folder, or a pattern with *.',
    );
  return (chunk) => files.has(chunks[chunk].file);
}

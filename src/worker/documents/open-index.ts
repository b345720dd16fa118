/** The chunks of a project in memory, ready to be searched. */
import type { Between } from '../../retrieval/bm25.ts';
import { pageOf } from '../../retrieval/read-document.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import { ChunkSearch } from '../../retrieval/search.ts';
import type { KeptDocument } from '../../storage/documents.ts';
import type { DocumentHit, SearchChoice } from '../api/documents.ts';
import type { DeviceEncoder, HeldVectors, IndexWatch } from './ports.ts';
import type { DocumentSettings } from './settings.ts';

/** Milliseconds after which long work reports its progress and lets other calls run. */
const SLICE_MS = 40;

/** Tells how far the reading of words is, and lets calls of the page come in between: one of them may stop it. */
function pausing({ onProgress, signal }: IndexWatch): Between {
  let since = performance.now();
  return async (done, total) => {
    if (performance.now() - since < SLICE_MS) return;
    onProgress({ what: 'indexing', done, total });
    // A task and not a microtask.
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
    since = performance.now();
  };
}

/** The id of a chunk: its document and its number there, as `graft index` writes it. */
export const chunkId = (file: string, at: number): string => `${file}#${at}`;

interface Found {
  readonly hits: readonly DocumentHit[];
  readonly missing: number;
}

export class OpenIndex {
  readonly #chunks: readonly PassageSource[];
  readonly #words: ChunkSearch;
  /** 1 for each chunk that has a vector. */
  readonly #known: Uint8Array;
  readonly #maker: string | undefined;
  /** The vectors on the device that they were put on. */
  #held:
    { readonly by: DeviceEncoder; readonly search: ChunkSearch; readonly vectors: HeldVectors } | undefined;

  /** @param revision of the documents when they were read */
  constructor(
    readonly projectId: string,
    readonly revision: string | undefined,
    private readonly documents: readonly KeptDocument[],
    { encoder }: DocumentSettings,
  ) {
    this.#maker = encoder?.maker;
    this.#chunks = documents.flatMap(({ document: { file }, text: { text, pages, chunks } }) =>
      chunks.map(({ start, end }, at) => ({
        ...{ id: chunkId(file, at), file, start, end },
        page: pageOf({ text, ...(pages && { pages }) }, start),
        text: text.slice(start, end),
      })),
    );
    this.#words = new ChunkSearch(this.#chunks.map(({ text }) => text));
    this.#known = new Uint8Array(this.#chunks.length);
    let first = 0;
    for (const { document, vectors, text } of documents) {
      if (vectors && document.encoder === this.#maker) this.#known.set(vectors.known, first);
      first += text.chunks.length;
    }
  }

  /** Chunks without a vector. */
  get missing(): number {
    return this.#known.reduce((sum, each) => sum + 1 - each, 0);
  }

  get sources(): readonly PassageSource[] {
    return this.#chunks;
  }

  get size(): number {
    return this.#chunks.length;
  }

  /**
   * @param watch of the first search by words, which reads those of all chunks
   * @param encoder with the vector of the question; not needed for `bm25`
   * @throws GraftError `engine-…`, and the signal's reason
   */
  async search(
    query: string,
    { method, top, files }: SearchChoice,
    watch: IndexWatch,
    encoder?: { readonly model: DeviceEncoder; readonly vector: Float32Array },
  ): Promise<Found> {
    const among = files && new Set(files);
    const search = encoder ? await this.#withVectors(encoder.model) : (this.#held?.search ?? this.#words);
    const ranked = await search.search(
      { text: query, ...(encoder && { vector: encoder.vector }) },
      {
        method,
        most: top,
        between: pausing(watch),
        ...(among && { allowed: (chunk) => among.has(this.#chunks[chunk].file) }),
      },
    );
    return {
      hits: ranked.map(({ chunk, score }) => ({ ...this.#chunks[chunk], score })),
      missing: encoder ? this.missing : 0,
    };
  }

  /** Frees the vectors on the device. Not to be called when the device is lost. */
  destroy(): void {
    this.#held?.vectors.destroy();
    this.#held = undefined;
  }

  async #withVectors(model: DeviceEncoder): Promise<ChunkSearch> {
    if (this.#held?.by === model) return this.#held.search;
    this.destroy();
    const all = new Float32Array(this.#chunks.length * model.size);
    let first = 0;
    for (const { document, vectors, text } of this.documents) {
      if (vectors && document.encoder === this.#maker) all.set(vectors.vectors, first * model.size);
      first += text.chunks.length;
    }
    const vectors = await model.hold(all);
    const search = new ChunkSearch(
      this.#chunks.map(({ text }) => text),
      {
        search: (question, max, allowed) =>
          vectors.search(question, max, (chunk) => this.#known[chunk] === 1 && (allowed?.(chunk) ?? true)),
      },
    );
    this.#held = { by: model, search, vectors };
    return search;
  }
}

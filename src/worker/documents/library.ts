/** The documents of projects: added, replaced and removed, divided into chunks with vectors, and searched. */
import { GraftError } from '../../errors.ts';
import { checkChunkSettings } from '../../retrieval/chunks.ts';
import { searchVectors } from '../../retrieval/cosine.ts';
import { pageOf } from '../../retrieval/read-document.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import type { KeptDocument } from '../../storage/documents.ts';
import type { StoredDocument, StoredDocumentText, UnreadFile } from '../../storage/records.ts';
import type {
  AddedDocuments,
  Chunking,
  DocumentHit,
  DocumentView,
  EncoderChoice,
  FileAt,
  ProjectDocuments,
  SearchChoice,
} from '../api/documents.ts';
import { missingProject } from '../projects/projects.ts';
import { Queue } from '../queue.ts';
import { Adding, chunkAgain, DOCUMENT_LIMITS } from './adding.ts';
import { embedMissing, SLICE, withinSlice } from './embed.ts';
import { chunkId, OpenIndex } from './open-index.ts';
import { counterOf, type DeviceEncoder, type DocumentPorts, type IndexWatch } from './ports.ts';
import {
  documentSettings,
  isCurrent,
  otherVectorsOf,
  sameMaker,
  vectorsOf,
  type DocumentSettings,
} from './settings.ts';

/** Work that nobody looks at. */
const UNWATCHED: IndexWatch = { onProgress: () => undefined, signal: new AbortController().signal };
/** Shorter work shows no progress. */
const TELL_AFTER_MS = 200;

export class DocumentLibrary {
  /** Changes follow each other. */
  readonly #queue = new Queue();
  #index: OpenIndex | undefined;

  constructor(
    private readonly ports: DocumentPorts,
    private readonly limits = DOCUMENT_LIMITS,
  ) {}

  async list(projectId: string): Promise<ProjectDocuments> {
    const index = await this.ports.store.readDocumentIndex(projectId);
    const settings = documentSettings(index?.settings);
    const stored = await this.ports.store.listDocuments(projectId);
    const documents = stored.map((document) => {
      const { file, added, bytes, characters, pages, chunks, guessed } = document;
      return {
        ...{ file, added, bytes, characters, chunks },
        ...(pages !== undefined && { pages }),
        ...(guessed !== undefined && { guessed }),
        vectors: vectorsOf(document, settings),
        current: isCurrent(document, settings),
      };
    });
    const { chunking, encoder } = settings;
    const missing = documents.reduce((sum, { chunks, vectors }) => sum + chunks - vectors, 0);
    return {
      documents,
      chunking,
      ...(encoder && {
        encoder: {
          name: encoder.name,
          passagePrefix: encoder.passagePrefix,
          questionPrefix: encoder.questionPrefix,
          ...(encoder.weights && { weights: encoder.weights }),
          ...(encoder.adapter && { adapter: encoder.adapter }),
          kept: await this.ports.isKept(encoder),
        },
      }),
      waiting: {
        documents: documents.filter(({ current }) => !current).length,
        chunks: encoder ? missing : 0,
        others: encoder ? stored.reduce((sum, each) => sum + otherVectorsOf(each, settings), 0) : 0,
        files: unreadOf(index?.unread ?? [], stored).length,
      },
    };
  }

  /** @throws GraftError `project-missing`, `model-missing`, `worker-training`, `engine-…`, `storage-…` */
  add(
    projectId: string,
    files: readonly FileAt[],
    watch: IndexWatch,
  ): Promise<{ report: AddedDocuments; stopped: boolean }> {
    return this.#queue.run(async () => {
      const reading = new Adding(projectId, await this.#settings(projectId), this.ports, this.limits);
      const stopped = await untilStopped(watch.signal, async () => {
        await reading.add(files, watch);
        await this.#bringUpToDate(projectId, watch);
      });
      return { report: reading.report, stopped };
    });
  }

  /** @throws GraftError as {@link add} */
  proceed(projectId: string, watch: IndexWatch): Promise<{ stopped: boolean }> {
    return this.#queue.run(async () => ({
      stopped: await untilStopped(watch.signal, () => this.#bringUpToDate(projectId, watch)),
    }));
  }

  /** @throws GraftError `project-missing`, `storage-…` */
  remove(projectId: string, files: readonly string[]): Promise<void> {
    return this.#queue.run(async () => {
      if (!(await this.ports.store.deleteDocuments(projectId, files))) throw missingProject();
    });
  }

  /** @throws GraftError `project-missing`, `storage-…` */
  leaveUnread(projectId: string): Promise<void> {
    return this.#queue.run(async () => {
      if (!(await this.ports.store.putUnreadFiles(projectId, []))) throw missingProject();
    });
  }

  /** @throws GraftError `chunk-settings`, `project-missing`, `model-missing`, `config-…`, `tokenizer-…`, `storage-…` */
  change(
    projectId: string,
    { chunking, encoder }: { readonly chunking?: Chunking; readonly encoder?: EncoderChoice | null },
  ): Promise<void> {
    if (chunking) checkChunkSettings(chunking);
    return this.#queue.run(async () => {
      const { encoder: before, ...settings } = await this.#settings(projectId);
      const chosen = encoder && (await this.#identify(encoder));
      const kept = encoder === undefined ? before : (chosen ?? undefined);
      const next: DocumentSettings = {
        ...settings,
        ...(chunking && { chunking }),
        ...(kept && { encoder: kept }),
      };
      if (!(await this.ports.store.putDocumentIndex(projectId, next))) throw missingProject();
    });
  }

  /** @throws GraftError `document-missing` */
  async read(projectId: string, file: string): Promise<DocumentView> {
    const { text, pages, chunks } = (await this.#find(projectId, file)).text;
    const places = { text, ...(pages && { pages }) };
    return {
      file,
      ...places,
      chunks: chunks.map((chunk, at) => ({
        ...chunk,
        id: chunkId(file, at),
        page: pageOf(places, chunk.start),
      })),
    };
  }

  /** The text of a document with its headings. @throws GraftError `document-missing` */
  async text(projectId: string, file: string): Promise<StoredDocumentText> {
    return (await this.#find(projectId, file)).text;
  }

  /** All chunks, in the order of the files' names. */
  async sources(projectId: string): Promise<readonly PassageSource[]> {
    return (await this.#openIndex(projectId, await this.#settings(projectId))).sources;
  }

  /** The tokens of a part of a document, as the vocabulary has them. @throws GraftError `document-missing`, `model-missing`, `tokenizer-…` */
  async tokens(
    projectId: string,
    { file, start, end }: { readonly file: string; readonly start: number; readonly end: number },
  ): Promise<string[]> {
    const { text } = (await this.#find(projectId, file)).text;
    const { tokenizer } = await counterOf(await this.#settings(projectId), this.ports);
    return tokenizer.encode(text.slice(start, end)).map((id) => tokenizer.tokenOf(id) ?? '');
  }

  /**
   * The best chunks for a question, best first. Unless the method is `bm25`, it is to be called in a turn on the device.
   *
   * @param watch of the first search, which reads all documents
   * @throws GraftError `documents-empty`, `documents-encoder`, `documents-vectors`, and as `DocumentPorts.openEncoder`; the signal's reason
   */
  async search(
    projectId: string,
    query: string,
    choice: SearchChoice,
    watch: IndexWatch = UNWATCHED,
  ): Promise<{ hits: readonly DocumentHit[]; missing: number }> {
    const settings = await this.#settings(projectId);
    const index = await this.#openIndex(projectId, settings, watch);
    if (index.size === 0)
      throw new GraftError(
        'documents-empty',
        'This project has no documents to search.',
        'Add documents first.',
      );
    if (choice.method === 'bm25') return index.search(query, choice, watch);
    if (!settings.encoder)
      throw new GraftError(
        'documents-encoder',
        'A search by meaning compares vectors, and no encoder is chosen.',
        'Choose an encoder, or search by words.',
      );
    if (index.missing === index.size)
      throw new GraftError(
        'documents-vectors',
        'No chunk has a vector yet.',
        'Compute the vectors first, or search by words.',
      );
    const model = await this.#openEncoder(settings.encoder, watch);
    const vector = await model.embed([query], settings.encoder.questionPrefix);
    watch.signal.throwIfAborted();
    return index.search(query, choice, watch, { model, vector });
  }

  /**
   * Vectors of questions by the project's encoder. To be called in a turn on the device.
   *
   * @returns [texts, size], row by row
   * @throws GraftError `documents-encoder`, as `DocumentPorts.openEncoder`, and the signal's reason
   */
  async embed(projectId: string, texts: readonly string[], signal: AbortSignal): Promise<Float32Array> {
    const { encoder } = await this.#settings(projectId);
    if (!encoder)
      throw new GraftError(
        'documents-encoder',
        'Vectors of texts need an encoder, and this project has none.',
        'Choose an encoder under Data, or choose the examples by words.',
      );
    const model = await this.#openEncoder(encoder);
    return model.embed(texts, encoder.questionPrefix, { signal });
  }

  /** How the documents are searched, and what of them is kept. */
  async state(projectId: string): Promise<{
    readonly settings: DocumentSettings;
    readonly documents: readonly StoredDocument[];
  }> {
    return {
      settings: await this.#settings(projectId),
      documents: await this.ports.store.listDocuments(projectId),
    };
  }

  /**
   * Places of the best chunks for questions by an encoder that is not the one of the index: it makes vectors of all chunks, which are not kept. Takes its
   * turns on the device.
   *
   * @param top chunks of each question at most
   * @returns for each question, best first
   * @throws GraftError as `DocumentPorts.openEncoder`, and the signal's reason
   */
  async rankWith(
    choice: EncoderChoice,
    sources: readonly PassageSource[],
    questions: readonly string[],
    top: number,
    { onProgress, signal }: IndexWatch,
  ): Promise<number[][]> {
    const texts = sources.map(({ text }) => text);
    const parts: Float32Array[] = [];
    const embed = (some: readonly string[], prefix: string, done: number): Promise<Float32Array> =>
      this.ports.inTurn(async () => {
        const encoder = await this.ports.openEncoder(choice, onProgress);
        const hear = (part: number): void =>
          onProgress({
            what: 'embedding',
            done: Math.min(Math.floor(done + part), texts.length),
            total: texts.length,
          });
        hear(0);
        return encoder.embed(some, prefix, { signal, onProgress: withinSlice(some, hear) });
      });
    for (let done = 0; done < texts.length; done += SLICE) {
      signal.throwIfAborted();
      parts.push(await embed(texts.slice(done, done + SLICE), choice.passagePrefix, done));
    }
    const asked = await embed(questions, choice.questionPrefix, texts.length);
    const size = asked.length / questions.length;
    const vectors = new Float32Array(texts.length * size);
    parts.forEach((part, at) => vectors.set(part, at * SLICE * size));
    return questions.map((_, at) =>
      searchVectors(vectors, asked.subarray(at * size, (at + 1) * size), top).map(({ chunk }) => chunk),
    );
  }

  /** The name of the project's encoder; undefined if none is chosen. */
  async encoderOf(projectId: string): Promise<string | undefined> {
    return (await this.#settings(projectId)).encoder?.name;
  }

  /** Frees what a search holds on the device. To be called in a turn on it. */
  release(): void {
    this.#index?.destroy();
    this.#index = undefined;
  }

  /** The device is lost, and all that was on it. */
  lose(): void {
    this.#index = undefined;
  }

  async #bringUpToDate(projectId: string, watch: IndexWatch): Promise<void> {
    const settings = await this.#settings(projectId);
    await chunkAgain(projectId, settings, this.ports, watch);
    await embedMissing(projectId, settings, this.ports, watch);
  }

  async #settings(projectId: string): Promise<DocumentSettings> {
    return documentSettings((await this.ports.store.readDocumentIndex(projectId))?.settings);
  }

  async #identify(choice: EncoderChoice): Promise<NonNullable<DocumentSettings['encoder']>> {
    const { name, passagePrefix, questionPrefix, adapter } = choice;
    const { content, maker, weights } = await this.ports.encoderFacts(choice);
    const texts = { name, passagePrefix, questionPrefix };
    return { ...texts, content, maker, ...(weights && { weights }), ...(adapter && { adapter }) };
  }

  /** @throws GraftError `documents-encoder` if another model has the name by now */
  async #openEncoder(
    encoder: NonNullable<DocumentSettings['encoder']>,
    { onProgress } = UNWATCHED,
  ): Promise<DeviceEncoder> {
    return sameMaker(await this.ports.openEncoder(encoder, onProgress), encoder);
  }

  async #openIndex(
    projectId: string,
    settings: DocumentSettings,
    { onProgress, signal } = UNWATCHED,
  ): Promise<OpenIndex> {
    const { store } = this.ports;
    const now = await store.readDocumentIndex(projectId);
    const held = this.#index;
    if (held && now && held.projectId === projectId && held.revision === now.revision) return held;
    held?.destroy();
    // Storage does not say how far it is.
    const telling = setTimeout(() => onProgress({ what: 'indexing', done: 0, total: 0 }), TELL_AFTER_MS);
    const { revision, documents } = await store.readDocuments(projectId).finally(() => clearTimeout(telling));
    signal.throwIfAborted();
    return (this.#index = new OpenIndex(projectId, revision, documents, settings));
  }

  async #find(projectId: string, file: string): Promise<KeptDocument> {
    const kept = await this.ports.store.readDocument(projectId, file);
    if (kept) return kept;
    throw new GraftError(
      'document-missing',
      `${file} is not among the documents any more.`,
      'It was removed, perhaps in another tab: look at the list again.',
    );
  }
}

/** The files of which no document came: the page was closed before the list of them was written again. */
function unreadOf(
  chosen: readonly UnreadFile[],
  stored: readonly Pick<StoredDocument, 'file' | 'sha256'>[],
): readonly UnreadFile[] {
  const hashes = new Map(stored.map(({ file, sha256 }) => [file, sha256]));
  return chosen.filter(({ file, before }) => hashes.get(file) === before);
}

/** @returns whether it was stopped */
async function untilStopped(signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return true;
    throw error;
  }
}

/** Documents of a project: their texts, chunks and vectors, and the search in them. */
import type { ChunkBorders, ChunkSettings } from '../../retrieval/chunks.ts';
import type { PassageSource } from '../../retrieval/passages-prompt.ts';
import type { SearchMethod } from '../../retrieval/ranking.ts';
import type { Failure, OnProgress, Outcome } from './outcome.ts';

export type { SearchMethod } from '../../retrieval/ranking.ts';

export interface DocumentInfo {
  /** Its path from the folder on that it was added with. */
  readonly file: string;
  /** When it was added or replaced, in milliseconds since 1970. */
  readonly added: number;
  /** The size of the file. */
  readonly bytes: number;
  /** UTF-16 code units of its text. */
  readonly characters: number;
  /** Missing for a document without pages. */
  readonly pages?: number;
  /** The encoding that its file was read in, if that was guessed: `windows-1252`. */
  readonly guessed?: string;
  readonly chunks: number;
  /** How many chunks have a vector of the chosen encoder. */
  readonly vectors: number;
  /** Whether it is divided as the settings say. */
  readonly current: boolean;
}

/** How texts are divided. */
export interface Chunking extends ChunkSettings {
  readonly by: ChunkBorders;
}

/** An encoder, by its name in the model store, and what is put before every chunk and question for it. */
export interface EncoderChoice {
  readonly name: string;
  readonly passagePrefix: string;
  readonly questionPrefix: string;
  /** What its matrices are rounded to in Graft's own engine, as `--base-weights int8` does. As stored if left out. */
  readonly weights?: 'int8';
  /** The adapter of the library that it is tuned with, by its name then. */
  readonly adapter?: { readonly id: string; readonly name: string };
}

export interface ProjectDocuments {
  /** In the order of their files' names, by code units. */
  readonly documents: readonly DocumentInfo[];
  readonly chunking: Chunking;
  /** Missing for a search by words only. */
  readonly encoder?: EncoderChoice & {
    /** Whether the model, and its adapter if it has one, are kept in this browser. */
    readonly kept: boolean;
  };
  /**
   * What `continueDocuments` has to do: documents to divide again, and chunks without a vector, some of which have one of another encoder (`others`). And
   * how many files were chosen that a stop or a closed page came before: they are not kept, so that only `addDocuments` reads them.
   */
  readonly waiting: {
    readonly documents: number;
    readonly chunks: number;
    readonly others: number;
    readonly files: number;
  };
}

/** A file with its path from a folder on: files lose it on their way to a worker. */
export interface FileAt {
  readonly path: string;
  readonly file: File;
}

/** What became of added files. */
export interface AddedDocuments {
  readonly added: number;
  /** Documents that had the same name and another content. */
  readonly replaced: number;
  /** Files that were here already, with the same content. */
  readonly same: number;
  /** Files that could not be read. */
  readonly bad: readonly BadDocument[];
  /** Files of other kinds, which are not read. */
  readonly others: readonly string[];
  /** Files that were read in an encoding that they do not say: Windows-1252. */
  readonly guessed: readonly string[];
  /** Files that a stop came before. */
  readonly unread: number;
}

export interface BadDocument extends Failure {
  readonly file: string;
}

/** A document with its chunks. */
export interface DocumentView {
  readonly file: string;
  readonly text: string;
  /** Where pages start, for a document that has any. */
  readonly pages?: readonly number[];
  readonly chunks: readonly DocumentChunk[];
}

export interface DocumentChunk {
  readonly id: string;
  /** UTF-16 code units of the document's text. */
  readonly start: number;
  readonly end: number;
  /** As they were counted when it was divided. */
  readonly tokens: number;
  /** From 1; null for a document without pages. */
  readonly page: number | null;
}

export interface SearchChoice {
  readonly method: SearchMethod;
  /** Chunks at most. */
  readonly top: number;
  /** The files that are searched; all if left out. */
  readonly files?: readonly string[];
  /** How many of the best chunks the open model ranks again, by the likelihood of the question; none if left out. */
  readonly rerank?: number;
}

/** A chunk that a search found. */
export interface DocumentHit extends PassageSource {
  readonly score: number;
  /** The mean log-probability of a token of the question after it, in nats, if it was ranked again. */
  readonly likelihood?: number;
}

/** What runs an encoder: Graft's own engine, or ONNX Runtime by Transformers.js. */
export type EncoderRuntime = 'graft' | 'onnx';

/** An encoder that this browser keeps, with the prefixes that its files name. */
export interface KeptEncoder extends EncoderChoice {
  readonly runtime: EncoderRuntime;
  readonly bytes: number;
  readonly licence?: string;
  /** Its address, if it is not from disk. */
  readonly source?: string;
}

/** An encoder that suits a browser, on the hub. */
export interface OfferedEncoder {
  readonly id: string;
  readonly licence: string;
  /** Bytes of its weights: nearly the size of the download. */
  readonly weightBytes: number;
  readonly goodAt: string;
}

type Documents = { readonly documents: ProjectDocuments };

/** Calls that change the documents of a project run one after the other. They fail with `project-missing` if there is no such project. */
export interface DocumentsApi {
  listDocuments(projectId: string): Promise<Outcome<Documents>>;
  /**
   * Reads files and zips of them, divides their texts and computes the vectors that are missing. A folder that all files lie in is left out of their
   * paths. What is complete is kept, however the call ends.
   *
   * @returns `stopped` if it was stopped, after what runs on the device: then `continueDocuments` does the rest of what was read, and another call with
   *   the same files reads those that are left
   */
  addDocuments(
    projectId: string,
    files: readonly FileAt[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<Documents & { readonly report: AddedDocuments; readonly stopped: boolean }>>;
  /** Divides documents that are divided otherwise than the settings say, and computes the vectors that are missing. */
  continueDocuments(
    projectId: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<Documents & { readonly stopped: boolean }>>;
  removeDocuments(projectId: string, files: readonly string[]): Promise<Outcome<Documents>>;
  /**
   * Changes how texts are divided and which encoder makes vectors. `continueDocuments` then does the work.
   *
   * @param encoder null for none
   */
  changeDocuments(
    projectId: string,
    change: { readonly chunking?: Chunking; readonly encoder?: EncoderChoice | null },
  ): Promise<Outcome<Documents>>;
  /** Forgets that files were chosen which are not read: `waiting` has none then. */
  leaveUnread(projectId: string): Promise<Outcome<Documents>>;
  /** Fails with `document-missing` if there is no such document. */
  readDocument(projectId: string, file: string): Promise<Outcome<{ readonly document: DocumentView }>>;
  /** The tokens of a chunk, as the vocabulary has them. Fails with `document-missing`. */
  chunkTokens(
    projectId: string,
    chunk: { readonly file: string; readonly start: number; readonly end: number },
  ): Promise<Outcome<{ readonly tokens: readonly string[] }>>;
  /**
   * The best chunks for a question, best first. By `bm25` it needs neither a device nor an encoder. The first search reads all documents, opens the encoder, and
   * reports how far it is; a second ranking reports how many chunks it has read. Stopped, it fails with `worker-aborted`.
   *
   * @returns `missing`: chunks that were not compared, since they have no vector yet
   */
  searchDocuments(
    projectId: string,
    query: string,
    choice: SearchChoice,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly hits: readonly DocumentHit[]; readonly missing: number }>>;
  /** The encoders that this browser keeps, and the one that the page offers. */
  listEncoders(): Promise<
    Outcome<{ readonly encoders: readonly KeptEncoder[]; readonly offered: readonly OfferedEncoder[] }>
  >;
  /**
   * Keeps an encoder from the files of its folder. Stopped, it fails with `worker-aborted` and keeps nothing.
   *
   * @returns the name that it is kept under, and the prefixes that its files name
   */
  addEncoder(
    name: string,
    files: readonly FileAt[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly encoder: EncoderChoice }>>;
}

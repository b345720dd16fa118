/** What the documents of a project need of the worker; tests have their own. */
import type * as documents from '../../storage/documents.ts';
import type { VectorSearch } from '../../retrieval/search.ts';
import type { ReadPdf } from '../../retrieval/watched-pdfs.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { EncoderChoice, Progress } from '../api.ts';
import type { DocumentSettings } from './settings.ts';

export type DocumentStore = Pick<
  typeof documents,
  | 'listDocuments'
  | 'readDocumentIndex'
  | 'readDocument'
  | 'readDocuments'
  | 'putDocumentIndex'
  | 'putUnreadFiles'
  | 'putDocuments'
  | 'putDocumentVectors'
  | 'deleteDocuments'
>;

/** A tokenizer and what identifies it. */
export interface Counter {
  readonly id: string;
  readonly tokenizer: Tokenizer;
}

/** An encoder without its weights. */
export interface EncoderFacts {
  readonly content: string;
  readonly maker: string;
  /** As the choice has it, but never for ONNX Runtime, which reads weights as stored. */
  readonly weights?: EncoderChoice['weights'];
  readonly tokenizer: Tokenizer;
}

/** Vectors that can be searched until they are freed. */
export interface HeldVectors extends VectorSearch {
  destroy(): void;
}

/** An encoder on the device. */
export interface DeviceEncoder extends EncoderFacts {
  readonly size: number;
  /** Vectors of texts after a prefix, [texts, size]. @throws GraftError `engine-…`, and the signal's reason */
  embed(
    texts: readonly string[],
    prefix: string,
    watch?: { readonly onProgress?: (done: number, total: number) => void; readonly signal?: AbortSignal },
  ): Promise<Float32Array<ArrayBuffer>>;
  /** @param vectors [chunks, size] */
  hold(vectors: Float32Array): Promise<HeldVectors>;
}

export interface DocumentPorts {
  readonly store: DocumentStore;
  readonly readPdf: ReadPdf;
  /** The tokenizer that counts if there is no encoder. */
  readonly counter: () => Promise<Counter>;
  /** @throws GraftError `model-missing`, `config-…`, `tokenizer-…` */
  readonly encoderFacts: (choice: EncoderChoice) => Promise<EncoderFacts>;
  /** To be called in a turn on the device. @throws GraftError as `encoderFacts`, `weights-…`, `engine-…` */
  readonly openEncoder: (
    choice: EncoderChoice,
    onProgress: (progress: Progress) => void,
  ) => Promise<DeviceEncoder>;
  /** Whether a model of this name is kept, and the adapter if one is named. */
  readonly isKept: (choice: Pick<EncoderChoice, 'name' | 'adapter'>) => Promise<boolean>;
  /** Takes a turn on the device. @throws GraftError `worker-training` */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

/** How long work is followed and ended. */
export interface IndexWatch {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** The tokenizer that divides texts: the encoder's, or else that of a model. @throws GraftError as `DocumentPorts.encoderFacts` */
export async function counterOf({ encoder }: DocumentSettings, ports: DocumentPorts): Promise<Counter> {
  if (!encoder) return ports.counter();
  const { content, tokenizer } = await ports.encoderFacts(encoder);
  return { id: content, tokenizer };
}

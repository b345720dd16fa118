/** A document as it is kept: divided into chunks, with the vectors of texts that it had before. */
import { chunksOf } from '../../retrieval/chunks.ts';
import { bordersOf, type DocumentText } from '../../retrieval/read-document.ts';
import { tokenCounter } from '../../retrieval/token-counts.ts';
import type { KeptDocument } from '../../storage/documents.ts';
import type { StoredDocument, StoredDocumentText } from '../../storage/records.ts';
import type { Counter } from './ports.ts';
import { dividedBy, type DocumentSettings } from './settings.ts';

type Facts = Pick<StoredDocument, 'projectId' | 'file' | 'added' | 'sha256' | 'bytes' | 'guessed'>;

/** The text of each chunk. */
export const chunkTexts = ({ text, chunks }: Pick<StoredDocumentText, 'text' | 'chunks'>): string[] =>
  chunks.map(({ start, end }) => text.slice(start, end));

/** Divides texts with one tokenizer, whose counts of words it remembers. */
export class Divider {
  readonly #count: (run: string) => number;
  readonly #divided: string;

  constructor(
    private readonly settings: DocumentSettings,
    counter: Counter,
  ) {
    this.#count = tokenCounter(counter.tokenizer);
    this.#divided = dividedBy(settings, counter.id);
  }

  /**
   * @param before the document of this name until now: chunks with the same text keep their vectors
   * @throws GraftError as `chunksOf`
   */
  divide(facts: Facts, document: DocumentText, before: KeptDocument | undefined): KeptDocument {
    const { chunking, encoder } = this.settings;
    const { text, pages, headings } = document;
    const chunks = chunksOf(text, this.#count, chunking, bordersOf(document, chunking.by)).map(
      ({ start, end, tokens }) => ({ start, end, tokens }),
    );
    const kept: StoredDocumentText = { text, chunks, ...(pages && { pages }), ...(headings && { headings }) };
    const vectors =
      encoder && before?.document.encoder === encoder.maker ? keptVectors(kept, before) : undefined;
    return {
      document: {
        ...facts,
        characters: text.length,
        ...(pages && { pages: pages.length }),
        divided: this.#divided,
        chunks: chunks.length,
        ...(encoder && vectors && { encoder: encoder.maker }),
        vectors: vectors?.known.reduce((sum, each) => sum + each, 0) ?? 0,
      },
      text: kept,
      ...(vectors && { vectors }),
    };
  }
}

/** The vectors of chunks whose text an earlier division had. */
function keptVectors(
  text: StoredDocumentText,
  { text: beforeText, vectors: before }: KeptDocument,
): KeptDocument['vectors'] {
  if (!before || before.known.length === 0) return undefined;
  const size = before.vectors.length / before.known.length;
  const rows = new Map(
    chunkTexts(beforeText).flatMap((own, row) => (before.known[row] === 1 ? [[own, row] as const] : [])),
  );
  const vectors = new Float32Array(text.chunks.length * size);
  const known = new Uint8Array(text.chunks.length);
  chunkTexts(text).forEach((own, at) => {
    const row = rows.get(own);
    if (row === undefined) return;
    vectors.set(before.vectors.subarray(row * size, (row + 1) * size), at * size);
    known[at] = 1;
  });
  return { vectors, known };
}

/** A document as a file of an archive, and back. Vectors are f32, little-endian, in a file next to it. */
import type { KeptDocument } from '../../storage/documents.ts';
import type { DocumentFile } from './records/documents.ts';

const BYTES = 4;

interface Packed {
  readonly file: DocumentFile;
  readonly vectors?: Uint8Array<ArrayBuffer>;
}

export function packDocument({ document, text, vectors: own }: KeptDocument): Packed {
  const { file, added, sha256, bytes, divided, encoder, guessed } = document;
  const vectors = own && encoder !== undefined && own.known.length > 0 ? own : undefined;
  return {
    file: {
      ...{ file, added, sha256, bytes, divided, text: text.text },
      ...(encoder !== undefined && { encoder }),
      ...(guessed !== undefined && { guessed }),
      ...(text.pages && { pages: [...text.pages] }),
      ...(text.headings && { headings: text.headings.map(({ start, end }) => ({ start, end })) }),
      chunks: text.chunks.map(({ start, end, tokens }) => ({ start, end, tokens })),
      ...(vectors && {
        vectors: {
          size: vectors.vectors.length / vectors.known.length,
          missing: Array.from(vectors.known.keys()).filter((at) => vectors.known[at] === 0),
        },
      }),
    },
    ...(vectors && { vectors: littleEndian(vectors.vectors) }),
  };
}

/** The bytes that the vectors of a document have; 0 without any. */
export const vectorBytes = ({ chunks, vectors }: DocumentFile): number =>
  vectors ? BYTES * vectors.size * chunks.length : 0;

/**
 * @param bytes the file of its vectors: a document that comes without its vectors is complete, and they are computed again
 * @returns as it is kept in a project
 */
export function unpackDocument(
  projectId: string,
  given: DocumentFile,
  bytes: Uint8Array<ArrayBuffer> | undefined,
): KeptDocument {
  const {
    file,
    added,
    sha256,
    bytes: size,
    divided,
    encoder,
    guessed,
    text,
    pages,
    headings,
    chunks,
    vectors,
  } = given;
  const whole = vectors && encoder !== undefined && bytes?.length === vectorBytes(given);
  const known = new Uint8Array(chunks.length).fill(1);
  for (const at of vectors?.missing ?? []) known[at] = 0;
  return {
    document: {
      ...{ projectId, file, added, sha256, bytes: size, divided },
      characters: text.length,
      ...(pages && { pages: pages.length }),
      ...(guessed !== undefined && { guessed }),
      chunks: chunks.length,
      ...(whole && { encoder }),
      vectors: whole ? known.reduce((sum, each) => sum + each, 0) : 0,
    },
    text: { text, chunks, ...(pages && { pages }), ...(headings && { headings }) },
    ...(whole && { vectors: { vectors: fromLittleEndian(bytes), known } }),
  };
}

function littleEndian(values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * BYTES);
  const view = new DataView(bytes.buffer);
  values.forEach((value, at) => view.setFloat32(at * BYTES, value, true));
  return bytes;
}

function fromLittleEndian(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / BYTES }, (_, at) => view.getFloat32(at * BYTES, true));
}

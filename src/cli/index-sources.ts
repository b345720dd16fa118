/** What an index is made of: the chunks of documents, or chunks that were made elsewhere. */
import { fileURLToPath } from 'node:url';
import { GraftError, messageOf } from '../errors.ts';
import { characterMaps, CHARACTER_MAPS } from '../retrieval/character-maps.ts';
import { chunksOf } from '../retrieval/chunks.ts';
import { bordersOf, pageOf, readDocumentText } from '../retrieval/read-document.ts';
import { tokenCounter } from '../retrieval/token-counts.ts';
import { watchedPdfs } from '../retrieval/watched-pdfs.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { openDocuments } from './document-files.ts';
import { readWhole } from './files.ts';
import { documentHash, type ChunkEntry, type ChunkingFacts, type StoredIndex } from './index-folder.ts';
import { readJsonLines } from './json-lines.ts';
import { startPdfThread } from './pdf-thread.ts';
import type { Output } from './output.ts';

const MAPS_FILE = fileURLToPath(new URL(`../../public/${CHARACTER_MAPS}`, import.meta.url));
const readPdf = watchedPdfs(
  startPdfThread,
  characterMaps(async () => new Uint8Array(await readWhole(MAPS_FILE))),
);

/** A file that could not be read, and why. */
interface BadFile {
  readonly file: string;
  readonly why: string;
}

/** What an index will hold. */
export interface FoundSources {
  readonly chunks: readonly ChunkEntry[];
  /** Empty for chunks that were made elsewhere. */
  readonly documents: StoredIndex['documents'];
  /** Documents that are as they were in the index before. */
  readonly same: number;
  readonly bad: readonly BadFile[];
  /** Documents that were read in an encoding that they do not say: Windows-1252. */
  readonly guessed: readonly string[];
  /** Files of other kinds. */
  readonly others: readonly string[];
}

interface DocumentSettings {
  readonly chunking: ChunkingFacts;
  /** The index that holds the chunks of documents that did not change. */
  readonly before: StoredIndex | undefined;
  readonly tokenizer: Tokenizer;
}

/**
 * The chunks of all documents of a folder or a zip. A document that cannot be read is named, and the others are read.
 *
 * @throws GraftError `file-missing`, `zip-damaged`
 */
export async function documentChunks(
  folder: string,
  { chunking, before, tokenizer }: DocumentSettings,
  output: Output,
): Promise<FoundSources> {
  const { documents: files, others, read } = await openDocuments(folder);
  const count = tokenCounter(tokenizer);
  const hashes = new Map(before?.documents.map(({ file, sha256 }) => [file, sha256]));
  const known = new Map<string, ChunkEntry[]>(files.map((file) => [file, []]));
  for (const chunk of before?.chunks ?? []) known.get(chunk.file)?.push(chunk);
  const chunks: ChunkEntry[] = [];
  const documents: { file: string; sha256: string }[] = [];
  const bad: BadFile[] = [];
  const guessed: string[] = [];
  let same = 0;
  for (const [done, file] of files.entries()) {
    output.progress(`Read ${done} of ${files.length} documents`);
    try {
      const bytes = await read(file);
      const sha256 = documentHash(bytes);
      if (hashes.get(file) === sha256) {
        same++;
        chunks.push(...(known.get(file) ?? []));
      } else {
        const document = await readDocumentText(file, bytes, readPdf);
        if (document.guessed) guessed.push(file);
        const own = chunksOf(document.text, count, chunking, bordersOf(document, chunking.by));
        chunks.push(
          ...own.map((chunk, n) => ({
            ...chunk,
            id: `${file}#${n}`,
            file,
            page: pageOf(document, chunk.start),
          })),
        );
      }
      documents.push({ file, sha256 });
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
      bad.push({ file, why: messageOf(error) });
    }
  }
  return { chunks, documents, same, bad, guessed, others };
}

/**
 * Chunks of a JSON Lines file.
 *
 * @throws GraftError `chunk-row` for a line that is not a chunk, or has the id of another
 */
export async function givenChunks(path: string, tokenizer: Tokenizer): Promise<FoundSources> {
  const count = tokenCounter(tokenizer);
  const ids = new Set<string>();
  const places = new Map<string, number>();
  const chunks = await readJsonLines(path, {
    code: 'chunk-row',
    remedy:
      'Write {"file": "…", "start": 0, "end": 10, "text": "…"} on each line, and perhaps an "id" and a "page".',
    read: (row, fault): ChunkEntry => {
      const { file = row.doc, start, end, text, page = null } = row;
      if (typeof file !== 'string') throw fault('names no file');
      if (typeof text !== 'string') throw fault('has no text');
      if (!isWhole(start) || !isWhole(end) || end < start)
        throw fault('has no start and end, or an end that comes before its start');
      if (page !== null && !isWhole(page)) throw fault('has a page that is not a whole number');
      const n = places.get(file) ?? 0;
      places.set(file, n + 1);
      const id = row.id ?? `${file}#${n}`;
      if (typeof id !== 'string') throw fault('has an id that is not a text');
      if (ids.has(id)) throw fault(`has the id ${JSON.stringify(id)}, which a line before it has`);
      ids.add(id);
      const tokens = text.split(/\s+/u).reduce((sum, run) => sum + (run === '' ? 0 : count(run)), 0);
      return { id, file, start, end, tokens, text, page };
    },
  });
  return { chunks, documents: [], same: 0, bad: [], guessed: [], others: [] };
}

const isWhole = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;

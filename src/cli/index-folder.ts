/** The folder of an index: index.json, chunks.jsonl and embeddings.safetensors. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { linesOf } from '../data/lines.ts';
import { GraftError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { CHUNK_BORDERS } from '../retrieval/chunks.ts';
import { toFloat32 } from '../weights/dtypes.ts';
import { concatBytes, parseSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { file, openBytes, PART, readWhole, writeWhole } from './files.ts';
import { claimFiles, LIST, ownFiles } from './own-files.ts';
import { sha256 } from './sha256.ts';
import { version } from './version.ts';

const FACTS = 'index.json';
const CHUNKS = 'chunks.jsonl';
const EMBEDDINGS = 'embeddings.safetensors';
const TENSOR = 'embeddings';
const WRITES = [CHUNKS, EMBEDDINGS, FACTS];
const FORMAT = 'graft-index';
const FORMAT_VERSION = 1;

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

const Entry = v.object({
  id: v.string(),
  /** The document's path from its folder on. */
  file: v.string(),
  /** UTF-16 code units of the document's text. */
  start: Whole,
  end: Whole,
  /** Without special tokens. */
  tokens: Whole,
  text: v.string(),
  page: v.nullable(Whole),
});
export type ChunkEntry = v.InferOutput<typeof Entry>;

const Model = v.object({
  /** The name of its folder, for messages. */
  name: v.string(),
  /** Identifies its files and those of its adapter (`encoderContent`). */
  content: v.string(),
  size: Whole,
  window: Whole,
  pooling: v.string(),
  normalise: v.boolean(),
  prefix: v.string(),
  /** The type of its matrices, as asked for. */
  weights: v.string(),
});
export type IndexModel = v.InferOutput<typeof Model>;

const Documents = v.array(v.object({ file: v.string(), sha256: v.string() }));

const ChunkingFacts = v.object({
  tokens: Whole,
  overlap: Whole,
  /** Missing in an index of an earlier version. */
  by: v.optional(v.picklist(CHUNK_BORDERS), 'sentences'),
});
export type ChunkingFacts = v.InferOutput<typeof ChunkingFacts>;

const Facts = v.object({
  format: v.literal(FORMAT),
  version: v.literal(FORMAT_VERSION),
  graft: v.string(),
  model: Model,
  /** How documents were divided; null for chunks that were given. */
  chunking: v.nullable(ChunkingFacts),
  documents: Documents,
  /** SHA-256 of the other files, so that those of two runs are never taken for one index. */
  files: v.object({ [CHUNKS]: v.string(), [EMBEDDINGS]: v.string() }),
});
type IndexFacts = v.InferOutput<typeof Facts>;

export interface StoredIndex extends Pick<IndexFacts, 'model' | 'chunking' | 'documents'> {
  readonly chunks: readonly ChunkEntry[];
  /** [chunks, size]; undefined if not asked for. */
  readonly vectors?: Float32Array | undefined;
}

/**
 * Refuses a folder that is neither empty nor an index that Graft wrote. An index that was cut short counts as empty.
 *
 * @param out a folder that exists
 * @returns whether an index is there
 * @throws GraftError `folder-used`
 */
export function checkIndexFolder(out: string): boolean {
  const own = ownFiles(out);
  if (own.has(FACTS) && existsSync(join(out, FACTS))) return true;
  const isOurs = (name: string): boolean => own.has(name) && [...WRITES, LIST].includes(name);
  const other = readdirSync(out).find(
    (name) =>
      !name.startsWith('.') && !isOurs(name) && !(name.endsWith(PART) && isOurs(name.slice(0, -PART.length))),
  );
  if (other !== undefined)
    throw new GraftError(
      'folder-used',
      `${out} holds ${other}, so it is not an index that Graft wrote.`,
      'Choose a new or empty folder for --out.',
    );
  return false;
}

/** Chunks after which the reading of an index tells how far it is. */
const TOLD_AFTER = 1000;

/**
 * Reads an index.
 *
 * @param vectors whether to read the vectors
 * @param onProgress called with the number of chunks that are read
 * @throws GraftError `index-missing`, `index-format`, `index-damaged`
 */
export async function readIndex(
  path: string,
  { vectors, onProgress }: { readonly vectors: boolean; readonly onProgress?: (chunks: number) => void },
): Promise<StoredIndex> {
  const facts = await readFacts(path);
  await checkHash(path, CHUNKS, facts);
  const chunks: ChunkEntry[] = [];
  for (const { text, problem } of linesOf(await openBytes(join(path, CHUNKS)))) {
    const parsed =
      problem === undefined ? v.safeParse(Entry, parseJson(text, `${path}/${CHUNKS}`)) : undefined;
    if (!parsed?.success) throw damaged(path, CHUNKS);
    chunks.push(parsed.output);
    if (chunks.length % TOLD_AFTER === 0) onProgress?.(chunks.length);
  }
  const { model, chunking, documents } = facts;
  if (!vectors) return { model, chunking, documents, chunks };
  await checkHash(path, EMBEDDINGS, facts);
  const entry = (await parseSafetensors(file(join(path, EMBEDDINGS)))).get(TENSOR);
  if (entry?.dtype !== 'F32' || entry.shape[0] !== chunks.length || entry.shape[1] !== model.size)
    throw damaged(path, EMBEDDINGS);
  return { model, chunking, documents, chunks, vectors: toFloat32(await entry.read(), 'F32', TENSOR) };
}

async function readFacts(path: string): Promise<IndexFacts> {
  const name = join(path, FACTS);
  if (!existsSync(name))
    throw new GraftError(
      'index-missing',
      `${path} is not an index: it has no ${FACTS}.`,
      'Make one with graft index, or give the folder of another.',
    );
  const text = new TextDecoder().decode(await readWhole(name));
  const parsed = v.safeParse(Facts, parseJson(text, name));
  if (!parsed.success)
    throw new GraftError(
      'index-format',
      `${name} is not of this version's index format (${FORMAT} ${FORMAT_VERSION}).`,
      'Make the index again with graft index, in another folder or with --overwrite.',
    );
  return parsed.output;
}

async function checkHash(
  path: string,
  name: keyof IndexFacts['files'],
  { files }: IndexFacts,
): Promise<void> {
  if (!existsSync(join(path, name)) || hashOf(await readWhole(join(path, name))) !== files[name])
    throw damaged(path, name);
}

const damaged = (path: string, name: string): GraftError =>
  new GraftError(
    'index-damaged',
    `${join(path, name)} is not the file that the index was written with.`,
    'Make the index again with graft index and --overwrite.',
  );

function hashOf(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}

/** Identifies the bytes of a document. */
export const documentHash = hashOf;

/** Writes an index, index.json last: only then do the other files count. @throws GraftError `folder-used`, `file-write` */
export async function writeIndex(
  out: string,
  {
    model,
    chunking,
    documents,
    chunks,
    vectors,
  }: StoredIndex & { readonly vectors: Float32Array<ArrayBuffer> },
): Promise<void> {
  const lines = new TextEncoder().encode(
    chunks
      .map(
        ({ file: document, start, end, tokens, text, page, id }) =>
          `${JSON.stringify({ file: document, start, end, tokens, text, page, id })}\n`,
      )
      .join(''),
  );
  const shape = [chunks.length, model.size];
  const tensors = concatBytes(writeSafetensors([{ name: TENSOR, dtype: 'F32', shape, data: vectors }]));
  const facts: IndexFacts = {
    format: FORMAT,
    version: FORMAT_VERSION,
    graft: version(),
    model,
    chunking,
    documents,
    files: { [CHUNKS]: hashOf(lines), [EMBEDDINGS]: hashOf(tensors) },
  };
  await claimFiles(out, WRITES, { overwrite: false });
  await writeWhole(join(out, CHUNKS), lines);
  await writeWhole(join(out, EMBEDDINGS), tensors);
  await writeWhole(join(out, FACTS), new TextEncoder().encode(`${JSON.stringify(facts, null, 2)}\n`));
}

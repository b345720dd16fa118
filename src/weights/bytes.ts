/**
 * Sources of bytes: a file that can be read in ranges, and a folder of such files. The browser has blobs, tests have memory, the
 * command line has file handles (cli/); callers do not know which.
 */
import { GraftError } from '../errors.ts';
import { isObject, readJsonFile, type JsonObject } from '../json.ts';

export interface ByteSource {
  /** For messages: file name or path. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes [start, end). May be a view of memory that others read too: do not write to it. Throws `bytes-range` outside of the file. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A model folder: files by relative name, with '/' between folders. */
export interface FileSet {
  /** For messages: the folder's name. */
  readonly name: string;
  list(): string[];
  open(name: string): Promise<ByteSource | undefined>;
}

/** Throws `bytes-range` unless 0 ≤ start ≤ end ≤ size, all whole. Every source calls it before it allocates. */
export function checkRange(name: string, size: number, start: number, end: number): void {
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= size) return;
  throw new GraftError(
    'bytes-range',
    `Bytes ${start} to ${end} of ${name} were asked for, which has ${size}.`,
    'The file is truncated or damaged: fetch it again.',
  );
}

/** A browser's file (or any Blob). Throws `bytes-read` if the browser can no longer read it. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end) {
      checkRange(name, blob.size, start, end);
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (cause) {
        throw new GraftError(
          'bytes-read',
          `${name} could not be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
          'It was moved or changed since it was chosen: choose it again.',
          { cause },
        );
      }
    },
  };
}

/** Bytes in memory. Reads are views, not copies; one outside the bytes rejects with GraftError `bytes-range`. */
export function memorySource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    async read(start, end) {
      checkRange(name, bytes.byteLength, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** A folder in memory. Strings are stored as UTF-8. */
export function memoryFiles(
  record: Record<string, Uint8Array<ArrayBuffer> | string>,
  name = 'model',
): FileSet {
  const files = new Map(
    Object.entries(record).map(([file, content]) => [
      file,
      typeof content === 'string' ? new TextEncoder().encode(content) : content,
    ]),
  );
  return {
    name,
    list: () => [...files.keys()],
    async open(file) {
      const bytes = files.get(file);
      return bytes && memorySource(file, bytes);
    },
  };
}

/** The default limit of {@link readJson}: config.json has 1 kB, the index of a 700-shard model 4 MB. */
const MAX_JSON_BYTES = 32 * 2 ** 20;

/**
 * A JSON object from a folder; undefined if the file isn't there. Throws `file-too-large`, `json-encoding`, `json-depth`, `json-syntax`
 * or `json-shape`, naming the file. The fields are unchecked: validate them.
 */
export async function readJson(
  files: FileSet,
  name: string,
  limit = MAX_JSON_BYTES,
): Promise<JsonObject | undefined> {
  const value = await readJsonFile(files, name, limit);
  if (value === undefined) return undefined;
  if (isObject(value)) return value;
  throw new GraftError(
    'json-shape',
    `${files.name}/${name} should hold a JSON object and holds ${Array.isArray(value) ? 'a list' : JSON.stringify(value)?.slice(0, 40)}.`,
    'Check that it is the right file.',
  );
}

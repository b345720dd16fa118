/**
 * JSON from outside. Everything that parses a file's JSON goes through here: size, UTF-8, nesting depth and syntax are checked, in that
 * order and before anything is built, and errors name the file.
 */
import { GraftError } from './errors.ts';

/** What a reader needs from a file: structurally `ByteSource` of weights/, kept here so that text/ need not import weights/. */
interface ReadableFile {
  readonly size: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** What a reader needs from a folder: structurally `FileSet` of weights/. */
export interface ReadableFolder {
  readonly name: string;
  open(name: string): Promise<ReadableFile | undefined>;
}

/** Real configurations nest five or six levels; a hostile one nests a hundred million. */
export const MAX_JSON_DEPTH = 64;

export type JsonObject = Record<string, unknown>;

/** Whether a JSON value is an object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The deepest nesting of brackets outside of strings, counted no further than `limit + 1`. Linear, allocates nothing; makes no claim that
 * the text is JSON.
 */
export function jsonDepth(text: string, limit: number): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = endOfString(text, i);
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > deepest) deepest = depth;
      if (deepest > limit) return deepest;
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  return deepest;
}

/** The position of the quote that ends the string whose quote is at `start`; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  // The engine finds a quote faster than a loop passes over characters.
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text.charCodeAt(quote - 1 - escapes) === 0x5c) escapes++;
    if (escapes % 2 === 0) return quote;
  }
  return text.length;
}

function membersOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + membersOf(each), 0);
  if (!isObject(value)) return 0;
  return Object.values(value).reduce((sum: number, each) => sum + 1 + membersOf(each), 0);
}

function isFollowedByColon(text: string, from: number): boolean {
  let i = from;
  while (' \t\r\n'.includes(text.charAt(i)) && i < text.length) i++;
  return text.charCodeAt(i) === 0x3a;
}

/**
 * A key that an object of a JSON text has twice: `JSON.parse` keeps the last of the two in silence.
 *
 * @param text valid JSON
 * @param value what it says
 */
export function repeatedKey(text: string, value: unknown): string | undefined {
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = endOfString(text, i);
    else if (c === 0x3a) members++;
  }
  // Every colon outside of strings is a member's.
  if (members === membersOf(value)) return undefined;
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    // A list gets a set as well, which stays empty.
    if (c === 0x7b || c === 0x5b) open.push(new Set());
    else if (c === 0x7d || c === 0x5d) open.pop();
    else if (c === 0x22) {
      const start = i;
      i = endOfString(text, start);
      if (!isFollowedByColon(text, i + 1)) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      const keys = open[open.length - 1];
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** UTF-8 bytes → string without a byte order mark. Throws `json-encoding`, naming `where`. */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GraftError('json-encoding', `${where} is not valid UTF-8.`, 'Save it as UTF-8.', { cause });
  }
}

/** Text → JSON value. Throws `json-depth` or `json-syntax`, naming `where` (a file, or "the header of FILE"). */
export function parseJson(text: string, where: string): unknown {
  if (jsonDepth(text, MAX_JSON_DEPTH) > MAX_JSON_DEPTH) {
    throw new GraftError(
      'json-depth',
      `${where} is nested more than ${MAX_JSON_DEPTH} levels deep.`,
      'It is damaged, or not the file that it says it is.',
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraftError(
      'json-syntax',
      `${where} is not valid JSON: ${reason}.`,
      'Fetch or write it again.',
      {
        cause,
      },
    );
  }
}

/**
 * As {@link parseJson}, for what a person wrote: a key that stands twice in an object is an error.
 *
 * @throws GraftError `json-repeated` naming it
 */
export function parseWritten(text: string, where: string): unknown {
  const value = parseJson(text, where);
  const key = repeatedKey(text, value);
  if (key === undefined) return value;
  throw new GraftError(
    'json-repeated',
    `${where} has the key ${JSON.stringify(key)} twice in one object.`,
    'Keep the one that you mean.',
  );
}

/**
 * The text of a small file of a folder, or undefined if it isn't there.
 * @param limit largest size in bytes that is read; nothing is allocated for a larger file.
 * @throws GraftError `file-too-large`, `json-encoding` as {@link decodeUtf8}, and what reading the file throws
 */
export async function readTextFile(
  folder: ReadableFolder,
  name: string,
  limit: number,
): Promise<string | undefined> {
  const file = await folder.open(name);
  if (!file) return undefined;
  const where = `${folder.name}/${name}`;
  if (file.size > limit) {
    throw new GraftError(
      'file-too-large',
      `${where} has ${file.size} bytes; at most ${limit} are read.`,
      'Check that it is the right file.',
    );
  }
  return decodeUtf8(await file.read(0, file.size), where);
}

/** As {@link readTextFile}, parsed. The value is unchecked: validate it. @throws GraftError as {@link readTextFile} and {@link parseJson} */
export async function readJsonFile(folder: ReadableFolder, name: string, limit: number): Promise<unknown> {
  const text = await readTextFile(folder, name, limit);
  return text === undefined ? undefined : parseJson(text, `${folder.name}/${name}`);
}

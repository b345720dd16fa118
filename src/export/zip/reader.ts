/**
 * A zip from outside, read in ranges: only its directory is in memory, within limits. It counts as hostile: names, sizes, offsets and unpacked bytes
 * are checked before use, and every file's checksum after reading.
 */
import { GraftError, messageOf } from '../../errors.ts';
import { crc32 } from './crc32.ts';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** Bytes of the directory at most: a hundred thousand files with long names. */
const MAX_DIRECTORY = 32 * 2 ** 20;
const MAX_ENTRIES = 100_000;
const MAX_NAME = 512;
/** Deflate makes at most 1032 bytes of one. */
const MAX_RATIO = 1032;
const CHUNK = 4 * 2 ** 20;
const EXPORT_AGAIN = 'Choose a file that Graft exported, or export it again.';

/** The error of this zip. */
type Damaged = (what: string) => GraftError;

/** A file of a zip that is not read. */
export interface BadEntry {
  /** Shortened, if it is no valid name. */
  readonly name: string;
  readonly error: GraftError;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

export class ZipReader {
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(
    private readonly where: string,
    private readonly file: Blob,
    entries: ReadonlyMap<string, Entry>,
    /** What a person can do, for messages. */
    private readonly remedy: string,
  ) {
    this.#entries = entries;
  }

  /**
   * @param remedy what a person can do about a zip that cannot be read
   * @param onBad takes each file that is not valid, and the others are read; without it such a file is an error of the zip
   * @throws GraftError `zip-damaged`
   */
  static async open(
    where: string,
    file: Blob,
    remedy = EXPORT_AGAIN,
    onBad?: (bad: BadEntry) => void,
  ): Promise<ZipReader> {
    const damaged = (what: string): GraftError => damagedZip(where, what, remedy);
    const { start, size, count } = await findDirectory(file, damaged);
    if (count > MAX_ENTRIES || size > MAX_DIRECTORY)
      throw damaged(`its directory lists ${count} files in ${size} bytes`);
    if (start + size > file.size) throw damaged('its directory lies outside of it');
    const view = await viewOf(file, start, start + size);
    return new ZipReader(where, file, readDirectory(view, count, start, damaged, onBad), remedy);
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Bytes of a file once unpacked; undefined if it is not there. */
  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /** Bytes of a file as it is packed; undefined if it is not there. */
  packed(name: string): number | undefined {
    return this.#entries.get(name)?.packed;
  }

  /** A whole file. @throws GraftError `zip-damaged`, `file-too-large`, `zip-missing` */
  async read(name: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const { size } = this.#entry(name);
    if (size > limit) {
      throw new GraftError(
        'file-too-large',
        `${this.where}/${name} has ${size} bytes; at most ${limit} are read.`,
        'Check that it is the right file.',
      );
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const chunk of this.chunks(name)) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }

  /** A file piece by piece, its checksum at the end. @throws GraftError `zip-damaged`, `zip-missing` */
  async *chunks(name: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const entry = this.#entry(name);
    const { method, packed, size } = entry;
    const data = await this.#data(entry);
    let done = 0;
    let crc = 0;
    const check = (chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
      done += chunk.byteLength;
      // Before anything more is unpacked.
      if (done > size) throw this.#damaged(`${name} is longer than it says`);
      crc = crc32(chunk, crc);
      return chunk;
    };
    try {
      if (method === STORED) {
        for (let start = 0; start < packed; start += CHUNK)
          yield check(new Uint8Array(await data.slice(start, start + CHUNK).arrayBuffer()));
      } else {
        const reader = data.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
        for (;;) {
          const { value, done: ended } = await reader.read();
          if (ended) break;
          yield check(value as Uint8Array<ArrayBuffer>);
        }
      }
    } catch (cause) {
      if (cause instanceof GraftError) throw cause;
      throw this.#damaged(`${name} could not be unpacked: ${messageOf(cause)}`);
    }
    if (done !== size || crc !== entry.crc) throw this.#damaged(`${name} is not as it was packed`);
  }

  #damaged(what: string): GraftError {
    return damagedZip(this.where, what, this.remedy);
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) {
      throw new GraftError('zip-missing', `${this.where} has no ${name}.`, this.remedy);
    }
    return entry;
  }

  async #data({ name, packed, offset }: Entry): Promise<Blob> {
    const head = await viewOf(this.file, offset, Math.min(this.file.size, offset + LOCAL_BYTES));
    if (head.byteLength < LOCAL_BYTES || head.getUint32(0, true) !== LOCAL)
      throw this.#damaged(`${name} is not at its place in the directory`);
    const start = offset + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
    if (start + packed > this.file.size) throw this.#damaged(`${name} is truncated`);
    return this.file.slice(start, start + packed);
  }
}

async function viewOf(file: Blob, start: number, end: number): Promise<DataView> {
  return new DataView(await file.slice(start, end).arrayBuffer());
}

async function findDirectory(
  file: Blob,
  damaged: Damaged,
): Promise<{ start: number; size: number; count: number }> {
  const from = Math.max(0, file.size - END_BYTES - MAX_16);
  const tail = await viewOf(file, from, file.size);
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (
      tail.getUint32(at, true) !== END ||
      at + END_BYTES + tail.getUint16(at + 20, true) !== tail.byteLength
    )
      continue;
    const [count, size, start] = [
      tail.getUint16(at + 10, true),
      tail.getUint32(at + 12, true),
      tail.getUint32(at + 16, true),
    ];
    if (count < MAX_16 && size < MAX_32 && start < MAX_32) return { start, size, count };
    const locator = at - LOCATOR_BYTES;
    if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_64) return { start, size, count };
    const end = await viewOf(file, wide(tail, locator + 8), wide(tail, locator + 8) + 56);
    if (end.byteLength < 56 || end.getUint32(0, true) !== END_64) break;
    return { count: wide(end, 32), size: wide(end, 40), start: wide(end, 48) };
  }
  throw damaged('it has no directory');
}

/** A 64-bit number, up to the largest exact integer here: a larger one lies outside of every file. */
function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function readDirectory(
  view: DataView,
  count: number,
  end: number,
  damaged: Damaged,
  onBad?: (bad: BadEntry) => void,
): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const refuse = (name: string, error: unknown): void => {
    if (!onBad || !(error instanceof GraftError)) throw error;
    onBad({ name, error });
  };
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > view.byteLength || view.getUint32(at, true) !== CENTRAL)
      throw damaged('its directory is truncated');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((place) =>
      view.getUint16(at + place, true),
    );
    const next = at + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes;
    if (next > view.byteLength) throw damaged('its directory is truncated');
    const named = new Uint8Array(view.buffer, view.byteOffset + at + CENTRAL_BYTES, nameBytes);
    const fields = at;
    at = next;
    let name = new TextDecoder().decode(named).slice(0, 60);
    try {
      name = nameOf(damaged, named);
      const entry = widened(view, fields + CENTRAL_BYTES + nameBytes, extraBytes, {
        name,
        method: view.getUint16(fields + 10, true),
        crc: view.getUint32(fields + 16, true),
        packed: view.getUint32(fields + 20, true),
        size: view.getUint32(fields + 24, true),
        offset: view.getUint32(fields + 42, true),
      });
      if (view.getUint16(fields + 8, true) & ENCRYPTED) throw damaged(`${name} is encrypted`);
      checkEntry(entry, end, damaged);
      // A folder has no bytes of its own.
      if (name.endsWith('/') && entry.size === 0) continue;
      if (entries.has(name)) throw damaged(`${name} is in it twice`);
      entries.set(name, entry);
    } catch (error) {
      refuse(name, error);
    }
  }
  // If files shared bytes, a small zip could become a huge folder.
  let before = 0;
  for (const { name, offset, packed } of [...entries.values()].sort((a, b) => a.offset - b.offset)) {
    if (offset < before) {
      refuse(name, damaged(`${name} overlaps another file`));
      entries.delete(name);
    } else before = offset + LOCAL_BYTES + packed;
  }
  return entries;
}

function nameOf(damaged: Damaged, bytes: Uint8Array): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw damaged('a name in it is not UTF-8');
  }
  const steps = name.split('/');
  const bad =
    name === '' || name.length > MAX_NAME || /[\\\0]/.test(name) || steps[0] === '' || steps.includes('..');
  if (bad) throw damaged(`${JSON.stringify(name.slice(0, 60))} is not a valid file name`);
  return name;
}

function checkEntry({ name, method, packed, size, offset }: Entry, end: number, damaged: Damaged): void {
  if (method !== STORED && method !== DEFLATED) throw damaged(`${name} is packed in a way that is not read`);
  if (method === STORED && packed !== size) throw damaged(`${name} has two sizes`);
  if (size > packed * MAX_RATIO) throw damaged(`${name} would unpack to ${size} bytes`);
  if (!(offset + LOCAL_BYTES + packed <= end)) throw damaged(`${name} lies outside of it`);
}

/** Replaces numbers that refer to the 64-bit fields by these. */
function widened(view: DataView, start: number, bytes: number, entry: Entry): Entry {
  for (let at = start; at + 4 <= start + bytes;) {
    const size = view.getUint16(at + 2, true);
    const end = Math.min(at + 4 + size, start + bytes);
    if (view.getUint16(at, true) === 1) {
      let place = at + 4;
      const take = (short: number): number => {
        if (short !== MAX_32 || place + 8 > end) return short;
        place += 8;
        return wide(view, place - 8);
      };
      const [full, packed] = [take(entry.size), take(entry.packed)];
      return { ...entry, size: full, packed, offset: take(entry.offset) };
    }
    at = end;
  }
  return entry;
}

function damagedZip(where: string, what: string, remedy: string): GraftError {
  return new GraftError('zip-damaged', `${where} cannot be read: ${what}.`, remedy);
}

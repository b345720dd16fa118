/** Zips of a folder, both ways. One that comes from outside is hostile: what it declares is checked before anything is unpacked. */
import { unzipSync, zipSync, type Zippable } from 'fflate';
import { GraftError, messageOf } from '../errors.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';

/** Local file header, or the end record of an empty zip. */
const SIGNATURES = ['PK\u0003\u0004', 'PK\u0005\u0006'];
/** Deflate makes at most 1032 bytes of one; a folder of tensors, not even two. */
const MAX_RATIO = 1032;
/** Entries that are looked at: an adapter's folder has a handful, a training folder of checkpoints some hundreds. */
const MAX_ENTRIES = 10_000;

export async function isZip(file: Blob): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return SIGNATURES.includes(String.fromCharCode(...head));
}

/** Tensors are stored as they are: they do not get smaller. */
export function packZip(
  folder: string,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
): Uint8Array<ArrayBuffer> {
  const entries: Zippable = {};
  for (const [name, bytes] of Object.entries(files))
    entries[`${folder}/${name}`] = [bytes, { level: name.endsWith('.safetensors') ? 0 : 6 }];
  return zipSync(entries);
}

/**
 * Unpacks the folder that holds `root`, and of that only the files that have a limit.
 *
 * @param limits largest size of each file, in bytes
 * @throws GraftError `zip-missing`, `zip-damaged`, `file-too-large`
 */
export async function unpackZip(
  name: string,
  file: Blob,
  root: string,
  limits: Readonly<Record<string, number>>,
): Promise<FileSet> {
  const largest = Object.values(limits).reduce((sum, limit) => sum + limit, 0);
  const tooLarge = (what: string, size: number, limit: number): GraftError =>
    new GraftError(
      'file-too-large',
      `${what} has ${size} bytes; at most ${limit} are read.`,
      'Check that it is the right file.',
    );
  if (file.size > largest) throw tooLarge(name, file.size, largest);
  const bytes = new Uint8Array(await file.arrayBuffer());

  const names: string[] = [];
  unzip(name, bytes, ({ name: path }) => {
    if (names.push(path) > MAX_ENTRIES) {
      throw new GraftError(
        'zip-damaged',
        `${name} lists more than ${MAX_ENTRIES} files.`,
        'Choose a zip of one adapter.',
      );
    }
    return false;
  });
  const marks = names.filter((path) => path === root || path.endsWith(`/${root}`));
  const [mark] = marks.sort((a, b) => a.split('/').length - b.split('/').length);
  if (mark === undefined) {
    throw new GraftError(
      'zip-missing',
      `${name} has no ${root}.`,
      'Choose a zip of a folder that PEFT or Graft wrote.',
    );
  }
  const prefix = mark.slice(0, mark.length - root.length);
  const wanted = new Map(Object.entries(limits).map(([path, limit]) => [prefix + path, limit]));
  const unpacked = unzip(name, bytes, ({ name: path, size, originalSize }) => {
    const limit = wanted.get(path);
    if (limit === undefined) return false;
    if (originalSize > limit || originalSize > size * MAX_RATIO)
      throw tooLarge(`${name}/${path}`, originalSize, Math.min(limit, size * MAX_RATIO));
    // A name that comes twice is unpacked once.
    return wanted.delete(path);
  });
  return memoryFiles(
    Object.fromEntries(Object.entries(unpacked).map(([path, data]) => [path.slice(prefix.length), data])),
    name,
  );
}

function unzip(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  filter: (entry: { name: string; size: number; originalSize: number }) => boolean,
): Record<string, Uint8Array<ArrayBuffer>> {
  try {
    return unzipSync(bytes, { filter }) as Record<string, Uint8Array<ArrayBuffer>>;
  } catch (cause) {
    if (cause instanceof GraftError) throw cause;
    throw new GraftError(
      'zip-damaged',
      `${name} could not be unpacked: ${messageOf(cause)}.`,
      'The file is damaged or incomplete: fetch it again.',
      { cause },
    );
  }
}

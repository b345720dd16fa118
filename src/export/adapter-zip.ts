/** Reads and writes zips of a folder in pieces. A zip from outside is hostile: its declarations are checked before it is unpacked. */
import { GraftError } from '../errors.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';
import { ZipReader } from './zip/reader.ts';
import { ZipWriter } from './zip/writer.ts';

/** Local file header, or the end record of an empty zip. */
const SIGNATURES = ['PK\u0003\u0004', 'PK\u0005\u0006'];

/** Whether a file starts as a zip does. Reads its first four bytes. */
export async function isZip(file: Blob): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return SIGNATURES.includes(String.fromCharCode(...head));
}

/** Text is compressed; tensors would not get smaller. */
const TEXT = /\.(?:json|md|txt|jinja)$/i;

/** Called with the bytes so far; may throw to end the work. */
export type Step = (done: number, total: number) => void | Promise<void>;

/** A zip with one folder in it. @param files by their paths in that folder */
export async function packZip(
  folder: string,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  step: Step = () => undefined,
): Promise<Blob> {
  const zip = new ZipWriter();
  const total = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
  let done = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    if (TEXT.test(name)) {
      await zip.text(path, new TextDecoder().decode(bytes));
      await step((done += bytes.byteLength), total);
    } else {
      await zip.file(path, new Blob([bytes]), (read) => step((done += read), total));
    }
  }
  return zip.finish();
}

const REMEDY = 'Choose a zip of a folder that PEFT or Graft wrote.';

/** Folders that hold a file named `root`, each with its slash and the nearest to the top first. @param paths of files */
export function foldersWith(root: string, paths: readonly string[]): string[] {
  return paths
    .filter((path) => path === root || path.endsWith(`/${root}`))
    .sort((a, b) => a.split('/').length - b.split('/').length)
    .map((path) => path.slice(0, path.length - root.length));
}

/** The folder of an adapter in a zip. Only files that are asked for are unpacked. */
export class AdapterZip {
  private constructor(
    private readonly name: string,
    private readonly zip: ZipReader,
    /** The path of the adapter's folder, with its slash. */
    readonly folder: string,
  ) {}

  /**
   * Every folder that holds `root`: one at least, the nearest to the top first.
   *
   * @throws GraftError `zip-missing`, `zip-damaged`
   */
  static async open(name: string, file: Blob, root: string): Promise<AdapterZip[]> {
    const zip = await ZipReader.open(name, file, REMEDY);
    const folders = foldersWith(root, zip.names);
    if (folders.length === 0) throw new GraftError('zip-missing', `${name} has no ${root}.`, REMEDY);
    return folders.map((folder) => new AdapterZip(name, zip, folder));
  }

  /**
   * Unpacks the files that exist. The declared size is checked against the limit first, and the unpacked size against the declared one.
   *
   * @param limits largest size of each file, in bytes
   * @throws GraftError `zip-damaged`, `file-too-large`, what `step` throws
   */
  async unpack(limits: Readonly<Record<string, number>>, step: Step = () => undefined): Promise<FileSet> {
    const wanted = Object.entries(limits).flatMap(([file, limit]) => {
      const size = this.zip.size(this.folder + file);
      if (size === undefined) return [];
      if (size > limit) throw zipTooLarge(`${this.name}/${this.folder}${file}`, size, limit);
      return { file, size };
    });
    const total = wanted.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const { file, size } of wanted) {
      const bytes = (files[file] = new Uint8Array(size));
      let at = 0;
      for await (const chunk of this.zip.chunks(this.folder + file)) {
        bytes.set(chunk, at);
        at += chunk.byteLength;
        await step((done += chunk.byteLength), total);
      }
    }
    return memoryFiles(files, this.name);
  }
}

/** The error `file-too-large`, for the caller to throw. @param size in bytes, as `limit` */
export function zipTooLarge(what: string, size: number, limit: number): GraftError {
  return new GraftError(
    'file-too-large',
    `${what} has ${size} bytes; at most ${limit} are read.`,
    'Check that it is the right file.',
  );
}

/** Zips of a folder, both ways. One that comes from outside is hostile: what it declares is checked before anything is unpacked. */
import { zipSync, type Zippable } from 'fflate';
import { GraftError } from '../errors.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';
import { ZipReader } from './archive/zip-reader.ts';

/** Local file header, or the end record of an empty zip. */
const SIGNATURES = ['PK\u0003\u0004', 'PK\u0005\u0006'];

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

const REMEDY = 'Choose a zip of a folder that PEFT or Graft wrote.';

/** A zip with the folder of an adapter somewhere in it. Only files that are asked for are unpacked. */
export class AdapterZip {
  private constructor(
    private readonly name: string,
    private readonly zip: ZipReader,
    /** The path of the adapter's folder, with its slash. */
    private readonly folder: string,
  ) {}

  /**
   * Finds the folder that holds `root`, the one nearest to the top.
   * @throws GraftError `zip-missing`, `zip-damaged`
   */
  static async open(name: string, file: Blob, root: string): Promise<AdapterZip> {
    const zip = await ZipReader.open(name, file, REMEDY);
    const marks = zip.names.filter((path) => path === root || path.endsWith(`/${root}`));
    const [mark] = marks.sort((a, b) => a.split('/').length - b.split('/').length);
    if (mark === undefined) throw new GraftError('zip-missing', `${name} has no ${root}.`, REMEDY);
    return new AdapterZip(name, zip, mark.slice(0, mark.length - root.length));
  }

  /**
   * Unpacks files, those that are there. What a file declares is held against its limit first, and what comes out against what it declares.
   *
   * @param limits largest size of each file, in bytes
   * @throws GraftError `zip-damaged`, `file-too-large`
   */
  async unpack(limits: Readonly<Record<string, number>>): Promise<FileSet> {
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (const [file, limit] of Object.entries(limits)) {
      const path = this.folder + file;
      if (this.zip.size(path) !== undefined) files[file] = await this.zip.read(path, limit);
    }
    return memoryFiles(files, this.name);
  }
}

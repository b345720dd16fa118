/** One model of the store while it is written, and the layout of its files: numbered, next to a manifest or the plan of what is to come. */
import * as v from 'valibot';
import { storageError } from './database.ts';

export const MANIFEST = 'manifest.json';
const PARTIAL = 'partial.json';
const VERSIONS = 'versions.json';

const size = v.pipe(v.number(), v.integer(), v.minValue(0));
const Facts = {
  name: v.string(),
  /** Milliseconds since 1970. */
  created: size,
  /** Its address, if it is not from disk. */
  source: v.optional(v.string()),
};
export const Manifest = v.object({
  ...Facts,
  licence: v.optional(v.string()),
  files: v.array(v.object({ name: v.string(), size })),
});
const Partial = v.object({
  ...Facts,
  resumable: v.boolean(),
  files: v.array(v.string()),
  bytes: v.optional(size),
});
const Versions = v.record(v.string(), v.string());

export type StoredModel = v.InferOutput<typeof Manifest> & { readonly bytes: number };

export interface ModelPlan {
  /** Unique among the models that are kept. */
  readonly name: string;
  readonly source?: string;
  /** Names of all its files, with '/' between folders. */
  readonly files: readonly string[];
  /** Bytes in all, if that is known. */
  readonly bytes?: number;
  /** Whether a partial model is kept when the tab is closed: `resume` continues it. */
  readonly resumable: boolean;
}

/** Chunks may be written in any order of files; those of one file follow each other. */
export interface ModelWriter {
  readonly plan: ModelPlan;
  /** Written bytes of a file. */
  size(file: string): number;
  /** The bytes of a file between two places. */
  read(file: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Truncates a file: 0 to start again. */
  truncate(file: string, bytes: number): Promise<void>;
  /** A note next to a file that identifies its version. It lasts until the model is complete. */
  version(file: string): string | undefined;
  setVersion(file: string, version: string | undefined): Promise<void>;
  /** Completes the model: from here on it is listed. */
  commit(facts?: { readonly licence?: string }): Promise<StoredModel>;
  /** Keeps the partial model, for `resume`. */
  pause(): Promise<void>;
  /** Deletes the partial model. */
  abort(): Promise<void>;
}

/** An API of workers only, so it is not among the page's types: https://fs.spec.whatwg.org/#api-filesystemsyncaccesshandle */
interface SyncAccess {
  read(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}
type WritableFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

/** Runs work on files. @throws GraftError `storage-full`, `storage-failed` */
export async function filing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error);
  }
}

export class FolderWriter implements ModelWriter {
  /** One file is open at a time. */
  #open: { readonly file: string; readonly access: SyncAccess } | undefined;

  constructor(
    private readonly parent: FileSystemDirectoryHandle,
    private readonly id: string,
    private readonly folder: FileSystemDirectoryHandle,
    readonly plan: ModelPlan,
    private readonly sizes: Map<string, number>,
    private readonly versions: Map<string, string>,
  ) {}

  /** Makes the folder, with the plan in it. */
  static async begin(parent: FileSystemDirectoryHandle, plan: ModelPlan): Promise<FolderWriter> {
    const id = crypto.randomUUID();
    const folder = await parent.getDirectoryHandle(id, { create: true });
    const { name, source, files, bytes, resumable } = plan;
    await writeJson(folder, PARTIAL, {
      ...{ name, created: Date.now(), resumable, files },
      ...(source !== undefined && { source }),
      ...(bytes !== undefined && { bytes }),
    });
    return new FolderWriter(parent, id, folder, plan, new Map(), new Map());
  }

  /** Continues a partial model in a folder. */
  static async resume(
    parent: FileSystemDirectoryHandle,
    id: string,
    folder: FileSystemDirectoryHandle,
    plan: ModelPlan,
  ): Promise<FolderWriter> {
    const versions = (await readStoredJson(folder, VERSIONS, Versions)) ?? {};
    const sizes = await fileSizes(folder, plan);
    return new FolderWriter(parent, id, folder, plan, sizes, new Map(Object.entries(versions)));
  }

  size(file: string): number {
    return this.sizes.get(file) ?? 0;
  }

  read(file: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    return filing(async () => {
      const bytes = new Uint8Array(end - start);
      const read = (await this.#access(file)).read(bytes, { at: start });
      return bytes.subarray(0, read);
    });
  }

  append(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return filing(async () => {
      const access = await this.#access(file);
      const at = this.size(file);
      const written = access.write(bytes, { at });
      // Some browsers write what fits and return the number. Chromium may return 2 ** 32 - 1 if nothing fits.
      if (written !== bytes.byteLength) {
        access.truncate(at);
        throw new DOMException(`${bytes.byteLength} more bytes of ${file} do not fit.`, 'QuotaExceededError');
      }
      this.sizes.set(file, at + written);
    });
  }

  truncate(file: string, bytes: number): Promise<void> {
    return filing(async () => {
      (await this.#access(file)).truncate(bytes);
      this.sizes.set(file, Math.min(bytes, this.size(file)));
    });
  }

  version(file: string): string | undefined {
    return this.versions.get(file);
  }

  setVersion(file: string, version: string | undefined): Promise<void> {
    return filing(async () => {
      if (version === this.version(file)) return;
      if (version === undefined) this.versions.delete(file);
      else this.versions.set(file, version);
      await writeJson(this.folder, VERSIONS, Object.fromEntries(this.versions));
    });
  }

  commit({ licence }: { readonly licence?: string } = {}): Promise<StoredModel> {
    return filing(async () => {
      const { name, source, files } = this.plan;
      // An empty file is a file, too.
      for (const file of files) if (this.size(file) === 0) await this.#access(file);
      this.#close();
      const manifest = {
        name,
        created: Date.now(),
        ...(source !== undefined && { source }),
        ...(licence !== undefined && { licence }),
        files: files.map((file) => ({ name: file, size: this.size(file) })),
      };
      await writeJson(this.folder, MANIFEST, manifest);
      await this.folder.removeEntry(PARTIAL);
      if (await readStoredJson(this.folder, VERSIONS, Versions)) await this.folder.removeEntry(VERSIONS);
      return withBytes(manifest);
    });
  }

  async pause(): Promise<void> {
    this.#close();
  }

  abort(): Promise<void> {
    return filing(async () => {
      this.#close();
      await this.parent.removeEntry(this.id, { recursive: true });
    });
  }

  async #access(file: string): Promise<SyncAccess> {
    if (this.#open?.file === file) return this.#open.access;
    this.#close();
    const at = this.plan.files.indexOf(file);
    if (at < 0) throw new Error(`${file} is not in the plan of ${this.plan.name}`);
    const handle = (await this.folder.getFileHandle(String(at), { create: true })) as WritableFile;
    const access = await handle.createSyncAccessHandle();
    this.#open = { file, access };
    return access;
  }

  #close(): void {
    this.#open?.access.flush();
    this.#open?.access.close();
    this.#open = undefined;
  }
}

export function withBytes(manifest: v.InferOutput<typeof Manifest>): StoredModel {
  return { ...manifest, bytes: manifest.files.reduce((sum, file) => sum + file.size, 0) };
}

export async function readPartial(
  folder: FileSystemDirectoryHandle,
): Promise<v.InferOutput<typeof Partial> | undefined> {
  if (await readStoredJson(folder, MANIFEST, Manifest)) return undefined;
  return readStoredJson(folder, PARTIAL, Partial);
}

/** Undefined if there is no such file, or one that was cut short. */
export async function readStoredJson<Schema extends v.GenericSchema>(
  folder: FileSystemDirectoryHandle,
  name: string,
  schema: Schema,
): Promise<v.InferOutput<Schema> | undefined> {
  try {
    const file = await (await folder.getFileHandle(name)).getFile();
    const parsed = v.safeParse(schema, JSON.parse(await file.text()));
    return parsed.success ? parsed.output : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof DOMException && error.name === 'NotFoundError'))
      return undefined;
    throw error;
  }
}

async function writeJson(folder: FileSystemDirectoryHandle, name: string, value: object): Promise<void> {
  const handle = (await folder.getFileHandle(name, { create: true })) as WritableFile;
  const access = await handle.createSyncAccessHandle();
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    access.truncate(0);
    if (access.write(bytes, { at: 0 }) !== bytes.byteLength)
      throw new DOMException(`${name} does not fit.`, 'QuotaExceededError');
    access.flush();
  } finally {
    access.close();
  }
}

export async function fileSizes(
  folder: FileSystemDirectoryHandle,
  { files }: Pick<ModelPlan, 'files'>,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const [at, file] of files.entries()) sizes.set(file, await sizeOf(folder, String(at)));
  return sizes;
}

async function sizeOf(folder: FileSystemDirectoryHandle, name: string): Promise<number> {
  try {
    return (await (await folder.getFileHandle(name)).getFile()).size;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return 0;
    throw error;
  }
}

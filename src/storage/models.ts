/**
 * Base models in the browser's private file system (OPFS): gigabytes that are read in ranges and never whole. Each model has its own folder with a
 * manifest that is written last: without one it does not exist, whatever has been copied. Files are numbered, since names come from outside.
 */
import type * as v from 'valibot';
import { GraftError } from '../errors.ts';
import { blobSource, type FileSet } from '../weights/bytes.ts';
import {
  filing,
  FolderWriter,
  MANIFEST,
  Manifest,
  readStoredJson,
  readPartial,
  fileSizes,
  withBytes,
  type ModelPlan,
  type ModelWriter,
  type StoredModel,
} from './model-writer.ts';

const FOLDER = 'models';

/** A resumable model that is not complete. */
interface PartialModel extends ModelPlan {
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Bytes written so far. */
  readonly done: number;
}

/** For workers: the page cannot write. All functions throw `storage-full` and `storage-failed` if the browser does. */
export class ModelStore {
  /** @param root of the private file system */
  constructor(private readonly root = () => navigator.storage.getDirectory()) {}

  /** By name. */
  list(): Promise<StoredModel[]> {
    return filing(async () => {
      const models: StoredModel[] = [];
      for (const [, folder] of await this.#folders()) {
        const manifest = await readStoredJson(folder, MANIFEST, Manifest);
        if (manifest) models.push(withBytes(manifest));
      }
      return models.sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  /** Its files, each opened when it is read. @throws GraftError `model-missing`, `model-damaged` */
  async open(name: string): Promise<FileSet> {
    const found = await filing(() => this.#find(name));
    if (!found) throw missing(name);
    return {
      name,
      list: () => found.manifest.files.map((file) => file.name),
      open: (file) =>
        filing(async () => {
          const blob = await blobOf(found, file);
          return blob && blobSource(file, blob);
        }),
    };
  }

  /** A file as it lies on the disk. @throws GraftError `model-missing`, `model-damaged` */
  async blob(name: string, file: string): Promise<Blob> {
    const blob = await filing(async () => {
      const found = await this.#find(name);
      return found && blobOf(found, file);
    });
    if (!blob) throw missing(name);
    return blob;
  }

  /** Begins a model. @throws GraftError `model-exists` */
  create(plan: ModelPlan): Promise<ModelWriter> {
    return filing(async () => {
      if (await this.#find(plan.name)) {
        throw new GraftError(
          'model-exists',
          `A model called ${plan.name} is kept already.`,
          'Delete it first, or give this one another name.',
        );
      }
      return FolderWriter.begin(await this.#parent(), plan);
    });
  }

  /** Resumable models that are not complete, the oldest first. */
  partials(): Promise<PartialModel[]> {
    return filing(async () => {
      const partials: PartialModel[] = [];
      for (const [, folder] of await this.#folders()) {
        const partial = await readPartial(folder);
        if (!partial?.resumable) continue;
        const sizes = await fileSizes(folder, partial);
        partials.push({ ...partial, done: [...sizes.values()].reduce((sum, size) => sum + size, 0) });
      }
      return partials.sort((a, b) => a.created - b.created);
    });
  }

  /** Continues a resumable model; undefined if there is none of this name. */
  resume(name: string): Promise<ModelWriter | undefined> {
    return filing(async () => {
      for (const [id, folder] of await this.#folders()) {
        const partial = await readPartial(folder);
        if (partial?.resumable && partial.name === name)
          return FolderWriter.resume(await this.#parent(), id, folder, partial);
      }
      return undefined;
    });
  }

  /** Deletes a model; does nothing if there is no such model. */
  delete(name: string): Promise<void> {
    return filing(async () => {
      const found = await this.#find(name);
      if (found) await (await this.#parent()).removeEntry(found.id, { recursive: true });
    });
  }

  /** Deletes partial models that can neither be read nor continued. To be called while nothing is written. */
  clean(): Promise<void> {
    return filing(async () => {
      const parent = await this.#parent();
      for (const [id, folder] of await this.#folders()) {
        if (await readStoredJson(folder, MANIFEST, Manifest)) continue;
        if (!(await readPartial(folder))?.resumable) await parent.removeEntry(id, { recursive: true });
      }
    });
  }

  async #parent(): Promise<FileSystemDirectoryHandle> {
    return (await this.root()).getDirectoryHandle(FOLDER, { create: true });
  }

  async #folders(): Promise<[string, FileSystemDirectoryHandle][]> {
    const folders: [string, FileSystemDirectoryHandle][] = [];
    for await (const [id, handle] of (await this.#parent()).entries())
      if (handle.kind === 'directory') folders.push([id, handle as FileSystemDirectoryHandle]);
    return folders;
  }

  async #find(name: string): Promise<Found | undefined> {
    for (const [id, folder] of await this.#folders()) {
      const manifest = await readStoredJson(folder, MANIFEST, Manifest);
      if (manifest?.name === name) return { id, folder, manifest };
    }
    return undefined;
  }
}

/** Merged models for a download, apart from the kept models. */
export const mergedModels = new ModelStore(async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle('merged', { create: true }),
);

/** Files of data sets while they come from the hub. */
export const rowDownloadStore = new ModelStore(async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle('coming-rows', { create: true }),
);

interface Found {
  readonly id: string;
  readonly folder: FileSystemDirectoryHandle;
  readonly manifest: v.InferOutput<typeof Manifest>;
}

async function blobOf({ folder, manifest: { name, files } }: Found, file: string): Promise<Blob | undefined> {
  const at = files.findIndex((entry) => entry.name === file);
  if (at < 0) return undefined;
  const blob = await (await folder.getFileHandle(String(at))).getFile();
  if (blob.size === files[at].size) return blob;
  throw new GraftError(
    'model-damaged',
    `${name}/${file} has ${blob.size} bytes where ${files[at].size} were kept.`,
    'Delete the model and add it again.',
  );
}

function missing(name: string): GraftError {
  return new GraftError(
    'model-missing',
    `The model ${name} is not kept in this browser.`,
    'Add it again: choose its folder or file under Task.',
  );
}

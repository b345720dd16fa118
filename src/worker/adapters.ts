/** The library of adapters: what is listed, changed, exported and imported. Nothing here needs the GPU. */
import { GraftError } from '../errors.ts';
import { largestAdapter, readPeft } from '../export/peft.ts';
import { modelCard } from '../export/model-card.ts';
import { memoryFiles, readJson, type FileSet } from '../weights/bytes.ts';
import {
  adapterFiles,
  changeAdapter,
  findAdapter,
  listAdapters,
  putAdapter,
  takeAdapter,
} from '../storage/adapters.ts';
import type { StoredFiles } from '../storage/records.ts';
import { AdapterZip, isZip, packZip } from './adapter-zip.ts';
import type { AdapterInfo } from './api.ts';
import { folderOfFiles, type OpenModel } from './model.ts';
import { unknownAdapter } from './session.ts';

const CONFIG = 'adapter_config.json';
export const WEIGHTS = 'adapter_model.safetensors';
const CARD = 'README.md';
const TEXT_LIMITS: Readonly<Record<string, number>> = { [CONFIG]: 2 ** 20, [CARD]: 2 ** 20 };
/** Bytes at most, whatever the base: rank 1024 on all layers of a model of three billion parameters has about this. */
export const ADAPTER_LIMITS: Readonly<Record<string, number>> = { ...TEXT_LIMITS, [WEIGHTS]: 2 ** 31 };
const MAX_NAME = 200;

export class Library {
  /** What was deleted since the tab was opened. */
  readonly #deleted = new Map<string, { adapter: AdapterInfo; files: StoredFiles }>();

  list(): Promise<AdapterInfo[]> {
    return listAdapters();
  }

  /** @throws GraftError `worker-no-adapter` */
  async update(id: string, { name, note }: { name?: string; note?: string }): Promise<AdapterInfo> {
    const changed = await changeAdapter(id, {
      ...(name !== undefined && { name: name.trim().slice(0, MAX_NAME) || 'Unnamed' }),
      ...(note !== undefined && { note }),
    });
    if (!changed) throw unknownAdapter();
    return changed;
  }

  /** @throws GraftError `worker-no-adapter` */
  async delete(id: string): Promise<void> {
    const taken = await takeAdapter(id);
    if (!taken) throw unknownAdapter();
    this.#deleted.set(id, taken);
  }

  /** @throws GraftError `worker-no-adapter` */
  async restore(id: string): Promise<AdapterInfo> {
    const taken = this.#deleted.get(id);
    if (!taken) throw unknownAdapter();
    await putAdapter(taken.adapter, taken.files);
    this.#deleted.delete(id);
    return taken.adapter;
  }

  /** A zip of the PEFT folder. @throws GraftError `worker-no-adapter` */
  async export(id: string): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }> {
    const [adapter, files] = await Promise.all([findAdapter(id), adapterFiles(id)]);
    if (!adapter || !files) throw unknownAdapter();
    const folder = fileNameOf(adapter.name);
    return { fileName: `${folder}.zip`, bytes: packZip(folder, files) };
  }

  /**
   * A PEFT folder, or a zip of one.
   *
   * @param projectId gives the project that it belongs to, once it is known to be good
   * @throws GraftError `adapter-…`, `zip-…`, `file-too-large`
   */
  async import(
    name: string,
    files: readonly File[],
    { info, model }: OpenModel,
    projectId: () => Promise<string>,
  ): Promise<AdapterInfo> {
    const [only] = files;
    const zipped = files.length === 1 && (await isZip(only));
    if (files.length === 1 && !zipped && /\.zip$/i.test(only.name)) {
      throw new GraftError('zip-damaged', `${only.name} is not a zip.`, 'Download or export it again.');
    }
    const zip = zipped ? await AdapterZip.open(name, only, CONFIG) : undefined;
    const given = zip ? await zip.unpack(TEXT_LIMITS) : folderOfFiles(name, files, CONFIG);
    const stored: Record<string, Uint8Array<ArrayBuffer>> = {};
    const keep = async (folder: FileSet, file: string, limit: number): Promise<void> => {
      const source = await folder.open(file);
      if (source && source.size > limit) {
        throw new GraftError(
          'file-too-large',
          `${name}/${file} has ${source.size} bytes; at most ${limit} are read.`,
          'Check that it is the right file.',
        );
      }
      if (source) stored[file] = await source.read(0, source.size);
    };
    for (const [file, limit] of Object.entries(TEXT_LIMITS)) await keep(given, file, limit);
    // How large it can be follows from the open model and the adapter's rank: nothing larger is unpacked.
    const largest = Math.min(await largestAdapter(given, model.definition), ADAPTER_LIMITS[WEIGHTS]);
    await keep(zip ? await zip.unpack({ [WEIGHTS]: largest }) : given, WEIGHTS, largest);
    const folder = memoryFiles(stored, name);
    const base = (await readJson(folder, CONFIG))?.['base_model_name_or_path'];
    const baseModel = typeof base === 'string' && base !== '' ? base.slice(0, MAX_NAME) : info.name;
    const { config, tensors } = await readPeft(folder, model.definition).catch((error: unknown) => {
      throw baseModel === info.name ? error : ofOtherBase(error, baseModel, info.name);
    });
    stored[CARD] ??= new TextEncoder().encode(modelCard(config, { baseModel }));
    const adapter: AdapterInfo = {
      id: crypto.randomUUID(),
      projectId: await projectId(),
      name: name.trim().slice(0, MAX_NAME) || 'Imported',
      note: '',
      baseModel,
      rank: config.rank,
      alpha: config.alpha,
      targets: config.targets,
      parameters: countParameters(tensors),
      created: Date.now(),
    };
    await putAdapter(adapter, stored);
    return adapter;
  }
}

/** What does not fit was made for another model, and says for which. */
function ofOtherBase(error: unknown, base: string, open: string): unknown {
  if (!(error instanceof GraftError && error.code === 'adapter-fit')) return error;
  return new GraftError(
    error.code,
    `${error.what} It was trained on “${base}”, and “${open}” is open.`,
    'Open the model that it was trained on, then import it again.',
  );
}

export function countParameters(tensors: ReadonlyMap<string, ArrayLike<number>>): number {
  return [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
}

/** A name that every file system takes. */
export function fileNameOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return plain.slice(0, 80) || 'adapter';
}

/** The library of adapters: what is listed, changed, exported and imported. Nothing here needs the GPU. */
import type { AdapterConfig } from '../../adapters/kind.ts';
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import { kindOf } from '../../adapters/registry.ts';
import { GraftError } from '../../errors.ts';
import { fileNameOf } from '../../export/folder-sink.ts';
import { tokenizerFiles } from '../../export/grown-folder.ts';
import {
  largestAdapter,
  PEFT_FILES,
  readAddedTokens,
  readPeft,
  withBase,
  writePeft,
  type Files,
} from '../../export/peft.ts';
import { lossesOfCard, modelCard } from '../../export/model-card.ts';
import { memoryFiles, readJson, type ByteSource, type FileSet } from '../../weights/bytes.ts';
import { checkSums, SUMS, withSums } from '../../weights/sums.ts';
import {
  storedAdapterFiles,
  changeAdapter,
  findAdapter,
  listAdapters,
  markAdapter,
  putAdapter,
} from '../../storage/adapters.ts';
import { AdapterZip, isZip, packZip, zipTooLarge, type Step } from '../../export/adapter-zip.ts';
import type { AdapterChange, AdapterInfo } from '../api.ts';
import { isSameBase, type Bases } from '../models/bases.ts';
import { folderOfFiles, foldersOfFiles } from '../models/model.ts';
import type { ModelDefinition } from '../../model/definition.ts';
import { unknownAdapter } from '../session.ts';
import { stepping, type SliceWatch } from '../slices.ts';

const CONFIG = 'adapter_config.json';
export const WEIGHTS = 'adapter_model.safetensors';
const CARD = 'README.md';
/** PEFT's task of an adapter for vectors of texts. */
const ENCODER_TASK = 'FEATURE_EXTRACTION';
const TEXT_LIMITS: Readonly<Record<string, number>> = { [CONFIG]: 2 ** 20, [CARD]: 2 ** 20 };
const SUMS_LIMIT: Readonly<Record<string, number>> = { [SUMS]: 2 ** 20 };
/** Bytes at most, whatever the base: rank 1024 on all layers of a model of three billion parameters has about this. */
export const ADAPTER_LIMITS: Readonly<Record<string, number>> = { ...TEXT_LIMITS, [WEIGHTS]: 2 ** 31 };
const TOKENIZER_LIMIT: Readonly<Record<string, number>> = { 'tokenizer.json': 64 * 2 ** 20 };
const MAX_NAME = 200;
/** Bytes that are read at once. */
const CHUNK = 4 * 2 ** 20;

/** The model that an adapter is imported for, which need not be on a device. */
interface AdaptedModel {
  readonly info: { readonly name: string };
  readonly model: { readonly definition: ModelDefinition };
}

export class Library {
  list(): Promise<AdapterInfo[]> {
    return listAdapters();
  }

  /** @throws GraftError `worker-no-adapter` */
  async update(id: string, { name, note, trial }: AdapterChange): Promise<AdapterInfo> {
    const changed = await changeAdapter(id, {
      ...(name !== undefined && { name: name.trim().slice(0, MAX_NAME) || 'Unnamed' }),
      ...(note !== undefined && { note }),
      ...(trial !== undefined && { trial }),
    });
    if (!changed) throw unknownAdapter();
    return changed;
  }

  /** It stays in storage, hidden, and leaves memory. @throws GraftError `worker-no-adapter` */
  async delete(id: string): Promise<void> {
    if (!(await markAdapter(id, Date.now()))) throw unknownAdapter();
  }

  /** @throws GraftError `worker-no-adapter` */
  async restore(id: string): Promise<AdapterInfo> {
    const adapter = await markAdapter(id, undefined);
    if (!adapter) {
      throw new GraftError(
        'worker-no-adapter',
        'This adapter cannot be brought back: its room was needed for something else.',
        'Import it again, if you exported it.',
      );
    }
    return adapter;
  }

  /**
   * A zip of the PEFT folder, whose card says how to load it.
   *
   * @param beside whether the zip contains the bundled base model, if the adapter is for it
   * @throws GraftError `worker-no-adapter`, `worker-aborted`, `worker-fetch`
   */
  async export(
    id: string,
    bases: Bases,
    beside: boolean,
    watch: SliceWatch,
  ): Promise<{ fileName: string; file: Blob }> {
    const { folder, files } = await this.folder(id, bases, beside);
    const file = await packZip(folder, files, stepping('keeping', watch));
    return { fileName: `${folder}.zip`, file };
  }

  /** The files of that zip, with their checksums. @throws GraftError `worker-no-adapter`, `worker-fetch` */
  async folder(id: string, bases: Bases, beside: boolean): Promise<{ folder: string; files: Files }> {
    const [adapter, stored] = await Promise.all([findAdapter(id), storedAdapterFiles(id)]);
    if (!adapter || !stored) throw unknownAdapter();
    const added = await readAddedTokens(memoryFiles(stored, adapter.name));
    const place = await bases.placeOf(adapter.baseModel, beside);
    const base = place.kind === 'beside' ? await filesOf(await bases.bundled(), place.folder) : {};
    const tokenizer = added ? await tokenizerFiles(await bases.filesOf(adapter.baseModel), added) : {};
    const { withWholeCard } = await import('./adapter-card.ts');
    const own = withBase(await withWholeCard(stored, adapter, bases), place);
    return { folder: fileNameOf(adapter.name), files: withSums({ ...own, ...tokenizer, ...base }) };
  }

  /**
   * Every adapter of a PEFT folder, or of a zip of one. One that cannot be read does not stop the others.
   *
   * @param open the model that they are for
   * @param projectId gives the project that they belong to, once they are known to be good
   * @throws GraftError `adapter-…`, `zip-…`, `file-too-large`, `worker-aborted`: of the first that cannot be read, once the others are imported
   */
  async import(
    name: string,
    files: readonly File[],
    open: AdaptedModel,
    projectId: () => Promise<string>,
    watch: SliceWatch,
  ): Promise<AdapterInfo[]> {
    const [only] = files;
    const zipped = files.length === 1 && (await isZip(only));
    if (files.length === 1 && !zipped && /\.zip$/i.test(only.name)) {
      throw new GraftError('zip-damaged', `${only.name} is not a zip.`, 'Download or export it again.');
    }
    const found: { readonly folder: string; readonly from: FileSet | AdapterZip }[] = zipped
      ? (await AdapterZip.open(name, only, CONFIG)).map((zip) => ({ folder: zip.folder, from: zip }))
      : foldersOfFiles(files, CONFIG).map((folder) => ({
          folder,
          from: folderOfFiles(name, files, CONFIG, folder),
        }));
    if (found.length === 1) return [await this.#import(name, found[0].from, open, projectId, watch)];
    const imported: AdapterInfo[] = [];
    let failure: GraftError | undefined;
    for (const { folder, from } of found) {
      const own = folder.split('/').at(-2) ?? name;
      try {
        imported.push(await this.#import(own, from, open, projectId, watch));
      } catch (error) {
        if (!(error instanceof GraftError) || error.code === 'worker-aborted') throw error;
        failure ??= new GraftError(error.code, `${own} in ${name}: ${error.what}`, error.remedy, {
          cause: error,
        });
      }
    }
    if (failure) throw failure;
    return imported;
  }

  async #import(
    name: string,
    from: FileSet | AdapterZip,
    { info, model }: AdaptedModel,
    projectId: () => Promise<string>,
    watch: SliceWatch,
  ): Promise<AdapterInfo> {
    const step = stepping('reading', watch);
    const zip = from instanceof AdapterZip ? from : undefined;
    const given = from instanceof AdapterZip ? await from.unpack(TEXT_LIMITS) : from;
    const texts = await readFiles(name, given, TEXT_LIMITS);
    const sums = await readFiles(name, await (zip?.unpack(SUMS_LIMIT) ?? given), SUMS_LIMIT);
    // How large it can be follows from the open model and the adapter's rank: nothing larger is unpacked.
    const largest = Math.min(await largestAdapter(given, model.definition), ADAPTER_LIMITS[WEIGHTS]);
    const limits = { [WEIGHTS]: largest };
    const weights = zip
      ? await readFiles(name, await zip.unpack(limits, step), limits)
      : await readFiles(name, given, limits, step);
    // Rows of new tokens need their texts, which PEFT leaves to the tokenizer.
    const tokenizer = await readTokenizer(name, zip ?? given, texts);
    const stored: Files = { ...texts, ...weights };
    const folder = memoryFiles({ ...stored, ...tokenizer, ...sums }, name);
    await checkSums(folder, PEFT_FILES);
    const { base_model_name_or_path: base, task_type: task } = (await readJson(folder, CONFIG)) ?? {};
    const named = typeof base === 'string' && base !== '' ? base.slice(0, MAX_NAME) : info.name;
    const encodes = model.definition.pooling !== undefined;
    // Encoders are chosen by the person, and folders of one model have many names.
    const baseModel = encodes ? info.name : named;
    const { config, modules, tensors } = await readPeft(folder, model.definition).catch((error: unknown) => {
      if (named === info.name) throw error;
      const isOfEncoder = task === ENCODER_TASK;
      throw ofOtherBase(error, { base: named, open: info.name, encodes, isOfEncoder });
    });
    const card = stored[CARD] ?? new TextEncoder().encode(modelCard(config, { baseModel, encodes }));
    const adapter: AdapterInfo = {
      id: crypto.randomUUID(),
      projectId: await projectId(),
      name: name.trim().slice(0, MAX_NAME) || 'Imported',
      note: isSameBase(baseModel, named) ? '' : `Its configuration names “${named}” as its base.`,
      baseModel,
      ...adapterSettings(config),
      parameters: countParameters(tensors),
      created: Date.now(),
      ...lossesOfCard(new TextDecoder().decode(card)),
      ...(encodes && { encodes }),
    };
    // The last point at which it can be stopped.
    await step(1, 1);
    // The library keeps the texts with the weights, and no tokenizer.
    const files = addedTokens(modules) && writePeft({ config, modules, tensors }, { baseModel });
    await putAdapter(adapter, { ...stored, ...(files && { [WEIGHTS]: files[WEIGHTS] }), [CARD]: card });
    return adapter;
  }
}

/** The part of an adapter's configuration that the library lists. */
export function adapterSettings(
  config: AdapterConfig,
): Pick<AdapterInfo, 'kind' | 'rank' | 'alpha' | 'virtualTokens' | 'addTokens' | 'targets'> {
  const { rank, alpha, virtualTokens, addTokens } = kindOf(config).settings(config);
  return {
    ...(config.kind !== undefined && { kind: config.kind }),
    ...(typeof rank === 'number' && { rank }),
    ...(typeof alpha === 'number' && { alpha }),
    ...(typeof virtualTokens === 'number' && { virtualTokens }),
    ...(addTokens !== undefined && { addTokens: addTokens as readonly string[] }),
    targets: config.targets,
  };
}

/** The tokenizer of an adapter that adds tokens. */
async function readTokenizer(name: string, from: FileSet | AdapterZip, texts: Files): Promise<Files> {
  const json = await readJson(memoryFiles(texts, name), CONFIG);
  if (!json?.['trainable_token_indices']) return {};
  const files = from instanceof AdapterZip ? await from.unpack(TOKENIZER_LIMIT) : from;
  return readFiles(name, files, TOKENIZER_LIMIT);
}

/** The existing files of a folder, each checked against its limit first. @throws GraftError `file-too-large` */
async function readFiles(
  name: string,
  folder: FileSet,
  limits: Readonly<Record<string, number>>,
  step: Step = () => undefined,
): Promise<Files> {
  const read: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const [file, limit] of Object.entries(limits)) {
    const source = await folder.open(file);
    if (!source) continue;
    if (source.size > limit) throw zipTooLarge(`${name}/${file}`, source.size, limit);
    read[file] = await readInPieces(source, step);
  }
  return read;
}

async function readInPieces(source: ByteSource, step: Step): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(source.size);
  for (let start = 0; start < source.size; start += CHUNK) {
    const end = Math.min(start + CHUNK, source.size);
    bytes.set(await source.read(start, end), start);
    await step(end, source.size);
  }
  return bytes;
}

/** The files of a model, as they lie in a folder of this name. */
async function filesOf(model: FileSet, folder: string): Promise<Files> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const name of model.list()) {
    const source = await model.open(name);
    if (source) files[`${folder}/${name}`] = Uint8Array.from(await source.read(0, source.size));
  }
  return files;
}

/**
 * An adapter that does not fit was made for another model, which the error names.
 *
 * @param of the names of both models, whether the adapter was to be one of an encoder, and whether its configuration says that it is
 */
function ofOtherBase(
  error: unknown,
  {
    base,
    open,
    encodes,
    isOfEncoder,
  }: {
    readonly base: string;
    readonly open: string;
    readonly encodes: boolean;
    readonly isOfEncoder: boolean;
  },
): unknown {
  if (!(error instanceof GraftError && error.code === 'adapter-fit')) return error;
  if (isOfEncoder && !encodes)
    return new GraftError(
      error.code,
      `${error.what} It is an adapter of the encoder “${base}”, which writes no answers.`,
      'Choose that encoder under Documents, and import the adapter there.',
    );
  return new GraftError(
    error.code,
    `${error.what} It was trained on “${base}”, and “${open}” is ${encodes ? 'the encoder' : 'open'}.`,
    encodes
      ? 'Choose the encoder that it was trained on, or import an adapter of a language model under Use.'
      : 'Open the model that it was trained on, then import it again.',
  );
}

/** The number of values in all tensors of an adapter. */
export function countParameters(tensors: ReadonlyMap<string, ArrayLike<number>>): number {
  return [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
}

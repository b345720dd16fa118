/** Base models that this browser keeps: checked before they are copied, opened without asking, deleted. */
import { licenceOf } from '../../weights/licence.ts';
import { GraftError } from '../../errors.ts';
import { readJsonFile, isObject } from '../../json.ts';
import { checkWeights } from '../../model/base-weights.ts';
import { contentOf } from '../../model/content.ts';
import { readAnyModel, readEncoder, readModel } from '../../model/family.ts';
import { openModelWeights } from '../../model/folder-layout.ts';
import { isOnnxEncoder, onnxPositions } from '../../model/onnx-encoder.ts';
import { readPooling, readWindow } from '../../model/pooling.ts';
import { listAdapters } from '../../storage/adapters.ts';
import type { StoredModel } from '../../storage/model-writer.ts';
import { ModelStore } from '../../storage/models.ts';
import { listRuns } from '../../storage/runs.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { COMPANIONS, ENCODER_COMPANIONS, onnxFileOf } from '../../weights/companions.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { Failure, KeptModel, Progress, FormSpec } from '../api.ts';
import type { ModelSource } from './model.ts';
import { failureOf } from '../outcome.ts';

/** Bytes that are copied at once. */
const CHUNK = 4 * 2 ** 20;
const MAX_NAME = 80;
/** The facts that are kept next to the files of a model. */
const WORDS = /^(?:README\.md|LICENSE(?:\.\w+)?)$/;
/** The README's first bytes, where its front matter is. */

export class Models {
  readonly store = new ModelStore();

  async list(): Promise<KeptModel[]> {
    const [models, runs, adapters] = await Promise.all([this.store.list(), listRuns(), listAdapters()]);
    const encoders = new Set(await this.#encoders(models));
    return models.map((model) => ({
      ...infoOf(model),
      ...(encoders.has(model) && { encoder: true as const }),
      runs: runs
        .filter(({ run, resumable }) => resumable && !run.bundled && run.baseModel === model.name)
        .map(({ run }) => (run.settings as FormSpec).name),
      adapters: adapters.filter(({ baseModel }) => baseModel === model.name).length,
    }));
  }

  /** The encoders that are kept. */
  async listEncoders(): Promise<StoredModel[]> {
    return this.#encoders(await this.store.list());
  }

  async #encoders(models: readonly StoredModel[]): Promise<StoredModel[]> {
    const are = await Promise.all(models.map(async ({ name }) => this.#isEncoder(name)));
    return models.filter((_, at) => are[at]);
  }

  async #isEncoder(name: string): Promise<boolean> {
    try {
      return await isEncoder(await this.store.open(name));
    } catch (error) {
      // What is wrong with it shows when it is opened.
      if (error instanceof GraftError) return false;
      throw error;
    }
  }

  /** @throws GraftError `model-missing` */
  async open(name: string): Promise<ModelSource> {
    return { name, files: await this.store.open(name), bundled: false };
  }

  /**
   * Checks a folder and copies the files of the model. A model that Graft cannot open is not copied, and the same model is not copied twice.
   *
   * @param name empty if the folder has none
   * @param check finds the faults of a model of the wanted kind
   * @returns the model from the store, or from its own files, with the reason why it is not kept
   * @throws GraftError what is wrong with the model; `worker-aborted`
   */
  async add(
    name: string,
    files: FileSet,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
    check = checkModelFiles,
  ): Promise<{ source: ModelSource; notKept?: Failure }> {
    await check(files);
    const wanted = name.trim().slice(0, MAX_NAME) || (await nameOf(files));
    const content = await contentOf(files);
    const taken = new Set<string>();
    for (const model of await this.#listOrNone()) {
      if ((await contentOf(await this.store.open(model.name))) === content)
        return { source: await this.open(model.name) };
      taken.add(model.name);
    }
    const free = freeName(wanted, taken);
    try {
      await this.#copy(free, files, onProgress, signal);
      return { source: await this.open(free) };
    } catch (error) {
      // It can be used all the same while the tab is open.
      if (!(error instanceof GraftError && error.code.startsWith('storage-'))) throw error;
      return { source: { name: free, files, bundled: false }, notKept: failureOf(error) };
    }
  }

  async #listOrNone(): Promise<StoredModel[]> {
    try {
      return await this.store.list();
    } catch (error) {
      // A failure of the storage shows when something is kept.
      if (error instanceof GraftError) return [];
      throw error;
    }
  }

  async #copy(
    name: string,
    files: FileSet,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const sources = await Promise.all(modelFiles(files.list()).map((file) => files.open(file)));
    const present = sources.filter((source) => source !== undefined);
    const total = present.reduce((sum, source) => sum + source.size, 0);
    const writer = await this.store.create({
      name,
      files: present.map((source) => source.name),
      resumable: false,
    });
    let done = 0;
    try {
      for (const source of present) {
        for (let start = 0; start < source.size; start += CHUNK) {
          if (signal.aborted) throw stopped(name);
          const bytes = await source.read(start, Math.min(start + CHUNK, source.size));
          await writer.append(source.name, bytes);
          onProgress({ what: 'keeping', done: (done += bytes.byteLength), total });
        }
      }
      const licence = await licenceOf(files);
      await writer.commit(licence === undefined ? {} : { licence });
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }
}

/** All faults that opening it would find, except for a lack of GPU memory. Headers are read, weights are not. */
export async function checkModelFiles(files: FileSet): Promise<void> {
  const folder = await modelFolder(files);
  const definition = await readModel(folder);
  await loadTokenizer(folder);
  checkWeights(definition, await openModelWeights(folder, definition));
}

/** The same for an encoder. What is in an ONNX file shows when it is opened. */
export async function checkEncoderFiles(files: FileSet): Promise<void> {
  if (await isOnnxEncoder(files)) {
    await readPooling(files);
    await readWindow(files, await onnxPositions(files));
    await loadTokenizer(files);
    return;
  }
  const definition = await readEncoder(files);
  await readPooling(files);
  await readWindow(files, definition.shape.maxPositions);
  await loadTokenizer(files);
  checkWeights(definition, await openModelWeights(files, definition));
}

/** The same for a model of either kind. */
export async function checkAnyModel(files: FileSet): Promise<void> {
  await ((await isEncoder(files)) ? checkEncoderFiles(files) : checkModelFiles(files));
}

/** Whether a folder is that of an encoder, as its configuration says. */
export async function isEncoder(files: FileSet): Promise<boolean> {
  if (await isOnnxEncoder(files)) return true;
  return 'pooling' in (await readAnyModel(await modelFolder(files)));
}

/** The files that are read: a folder may hold the same weights in five formats. */
export function modelFiles(names: readonly string[]): string[] {
  const single = names.includes('model.safetensors');
  const safetensors = names.filter((name) => /^[^/]+\.safetensors$/.test(name));
  const weights = single
    ? ['model.safetensors']
    : safetensors.length > 0
      ? [...safetensors, ...names.filter((name) => name === 'model.safetensors.index.json')]
      : names.filter((name) => /^[^/]+\.gguf$/i.test(name));
  const onnx = weights.length === 0 ? onnxFileOf(names) : undefined;
  if (onnx !== undefined) weights.push(onnx);
  const beside = [...COMPANIONS, ...ENCODER_COMPANIONS];
  return [...names.filter((name) => beside.includes(name) || WORDS.test(name)), ...weights];
}

/** A folder that came without a name: a single file has one, and some configurations say where the model came from. */
async function nameOf(files: FileSet): Promise<string> {
  const gguf = files.list().find((name) => /^[^/]+\.gguf$/i.test(name));
  if (gguf !== undefined) return gguf.replace(/\.gguf$/i, '').slice(0, MAX_NAME);
  const config = await readJsonFile(files, 'config.json', 1 << 20);
  const from = isObject(config) ? config['_name_or_path'] : undefined;
  const last = typeof from === 'string' ? from.split(/[\\/]/).at(-1)?.trim() : undefined;
  return (last || 'Model').slice(0, MAX_NAME);
}

/** The name itself, or with the first free number. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let number = 2;
  while (taken.has(`${name} (${number})`)) number++;
  return `${name} (${number})`;
}

function infoOf({
  name,
  created,
  bytes,
  licence,
  source,
}: StoredModel): Omit<KeptModel, 'runs' | 'adapters'> {
  return {
    ...{ name, created, bytes },
    ...(licence !== undefined && { licence }),
    ...(source !== undefined && { source }),
  };
}

function stopped(name: string): GraftError {
  return new GraftError(
    'worker-aborted',
    `${name} was not kept: copying it was stopped.`,
    'Add it again when you like.',
  );
}

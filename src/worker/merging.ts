/** Base plus adapter as one model folder, streamed to where it is wanted. Needs the files of the open model, and not the GPU. */
import { GraftError, messageOf } from '../errors.ts';
import { mergedWeights, planMerged } from '../export/merge.ts';
import { companionsOf, MODEL_WEIGHTS as WEIGHTS, type Companion } from '../export/model-folder.ts';
import { mergedCard } from '../export/model-card.ts';
import { readPeft, type AdapterData } from '../export/peft.ts';
import { checkWeights } from '../model/base-weights.ts';
import type { ModelDefinition } from '../model/family.ts';
import { openModelWeights } from '../model/folder-layout.ts';
import { describeChoices, sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { memoryFiles, type FileSet } from '../weights/bytes.ts';
import { modelFolder, type WeightSource } from '../weights/folder.ts';
import type { Files } from '../export/peft.ts';
import { fileNameOf, type Watch } from './adapters.ts';
import type { MergePlan } from './api.ts';
import { Slices } from './slices.ts';

const CARD = 'README.md';

/** Takes the files of a folder one after the other, each in pieces. */
export interface FolderSink {
  begin(file: string): Promise<void>;
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All files are whole. */
  finish(): Promise<void>;
  /** Takes away what was written. */
  abort(): Promise<void>;
}

/** What is merged with what. */
export interface Parts {
  /** As the adapter names its base. */
  readonly baseModel: string;
  /** The files of the base as they were opened. */
  readonly base: FileSet;
  readonly model: ModelDefinition;
  readonly adapterName: string;
  readonly adapter: Files;
  /** How the base was held in training. */
  readonly baseWeights?: WeightChoices;
}

/** Everything that is written, with nothing of it read but headers and the adapter. */
export interface Merge {
  readonly plan: Omit<MergePlan, 'free'>;
  readonly companions: readonly Companion[];
  readonly card: Uint8Array<ArrayBuffer>;
  readonly weights: () => AsyncGenerator<Uint8Array>;
}

/** @throws GraftError `adapter-…` where the adapter does not fit the base, `weights-…` */
export async function prepareMerge({
  baseModel,
  base,
  model,
  adapterName,
  adapter: files,
  baseWeights,
}: Parts): Promise<Merge> {
  const folder = await modelFolder(base);
  const adapter: AdapterData = await readPeft(memoryFiles(files, adapterName), model);
  const source: WeightSource = await openModelWeights(folder, model);
  checkWeights(model, source);
  const choices = baseWeights && !sameChoices(baseWeights) ? baseWeights : undefined;
  const { bytes, dtypes } = planMerged(model, source, choices);
  const companions = await companionsOf(folder);
  const layers = adapter.modules.length;
  const card = new TextEncoder().encode(
    mergedCard({
      ...{ baseModel, adapter: adapterName, layers },
      baseWeights: choices && describeChoices(choices),
    }),
  );
  return {
    plan: {
      baseModel,
      folder: `${fileNameOf(adapterName)}-merged`,
      files: [WEIGHTS, ...companions.map(({ name }) => name), CARD],
      bytes: companions.reduce((sum, { source: { size } }) => sum + size, bytes + card.byteLength),
      dtypes,
      layers,
      ...(choices && { baseWeights: choices }),
    },
    companions,
    card,
    weights: () => mergedWeights(model, source, adapter, choices),
  };
}

/** Writes the folder. What fails or is stopped leaves nothing. @throws GraftError `worker-aborted`, `merge-write`, `storage-…` */
export async function writeMerge(merge: Merge, sink: FolderSink, watch: Watch): Promise<void> {
  const slices = new Slices(watch.onProgress, watch.signal);
  const total = merge.plan.bytes;
  let done = 0;
  const append = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    slices.check();
    await sink.append(bytes);
    done += bytes.byteLength;
    if (slices.due || done === total) await slices.pause({ what: 'merging', done, total });
  };
  try {
    await sink.begin(WEIGHTS);
    for await (const bytes of merge.weights()) await append(bytes as Uint8Array<ArrayBuffer>);
    for (const { name, source } of merge.companions) {
      await sink.begin(name);
      await append((await source.read(0, source.size)) as Uint8Array<ArrayBuffer>);
    }
    await sink.begin(CARD);
    await append(merge.card);
    await sink.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** A new folder in one that a person chose. */
export class DirectorySink implements FolderSink {
  #open: FileSystemWritableFileStream | undefined;
  #file = '';

  private constructor(
    private readonly parent: FileSystemDirectoryHandle,
    private readonly folder: FileSystemDirectoryHandle,
  ) {}

  /** @param name of the folder; a number is added where there is one already @throws GraftError `merge-write` */
  static async create(parent: FileSystemDirectoryHandle, name: string): Promise<DirectorySink> {
    const taken = new Set<string>();
    return writing(name, parent.name, async () => {
      for await (const key of parent.keys()) taken.add(key);
      let free = name;
      for (let number = 2; taken.has(free); number++) free = `${name}-${number}`;
      return new DirectorySink(parent, await parent.getDirectoryHandle(free, { create: true }));
    });
  }

  get name(): string {
    return this.folder.name;
  }

  begin(file: string): Promise<void> {
    return this.#writing(async () => {
      await this.#close();
      this.#file = file;
      const handle = await this.folder.getFileHandle(file, { create: true });
      this.#open = await handle.createWritable();
    });
  }

  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#writing(() => this.#open!.write(bytes));
  }

  finish(): Promise<void> {
    return this.#writing(() => this.#close());
  }

  async abort(): Promise<void> {
    // What failed before may fail here, too, and is what the person should hear of.
    await this.#open?.abort().catch(() => undefined);
    await this.parent.removeEntry(this.folder.name, { recursive: true }).catch(() => undefined);
  }

  async #close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }

  #writing<T>(work: () => Promise<T>): Promise<T> {
    return writing(this.#file, `${this.parent.name}/${this.folder.name}`, work);
  }
}

async function writing<T>(file: string, folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new GraftError(
      'merge-write',
      `${file} could not be written into ${folder}: ${messageOf(cause)}.`,
      'Check that the disk has room and that the page may write there, then merge again. What was begun is taken away.',
      { cause },
    );
  }
}

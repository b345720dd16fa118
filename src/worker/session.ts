/**
 * The state on the GPU: one device, one model, the adapters that were used last, the cache of the chat. When the device is
 * lost, so is everything on it, and the next call opens it again.
 */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import { readPeft } from '../export/peft.ts';
import { Generator } from '../model/generator.ts';
import { Adapter } from '../adapters/adapter.ts';
import { sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { storedAdapterFiles, findAdapter } from '../storage/adapters.ts';
import { memoryFiles } from '../weights/bytes.ts';
import type { AdapterChoice, AdapterOrigin, DeviceChoice, MixtureId, ModelRef, Progress } from './api.ts';
import { madeForOther } from './models/bases.ts';
import type { DataSet } from './data/data.ts';
import { openChosen, type ChosenDevice } from './device/devices.ts';
import { tune } from './device/gpu.ts';
import { openModel, type ModelSource, type OpenModel } from './models/model.ts';
import type { TrainedOn } from './evaluation/trained-on.ts';

/** The longest conversation: the cache of a model made for 128k tokens would fill the GPU. */
const CHAT_TOKENS = 4096;
/** Tokens of a conversation with a model that was made for at most so many. */
export function chatTokens(maxPositions: number): number {
  return Math.min(maxPositions, CHAT_TOKENS);
}

/** Adapters that stay on the GPU. */
const RESIDENT = 8;
/** When a device is lost, waiting calls fail first, and the loss is reported a moment later. */
const LOSS_NOTICE_MS = 100;

/** The id of the workshop's adapter. */
export const MIXTURE: MixtureId = 'mixture';

/** The adapter that `current` means: one in training, or one of the library. */
export type Current =
  | { readonly live: Adapter; readonly origin: () => AdapterOrigin; readonly trainedOn: () => TrainedOn }
  | { readonly id: string };

type OnProgress = (progress: Progress) => void;

/** A model that is being opened: one at a time. Calls that need the model meanwhile get this one. */
interface Opening {
  readonly done: Promise<OpenModel>;
  readonly listeners: Set<OnProgress>;
}

/** Functions that open devices and models; tests have their own. */
interface Openers {
  readonly device: (choice: DeviceChoice) => Promise<ChosenDevice>;
  readonly tune: (device: Device, report: OnProgress) => Promise<void>;
  readonly model: typeof openModel;
}
const OPENERS: Openers = {
  device: (choice) => openChosen(choice, isSecureContext),
  tune,
  model: openModel,
};

export class Session {
  data: DataSet | undefined;
  current: Current | undefined;
  #choice: DeviceChoice = 'auto';
  #device: Promise<ChosenDevice> | undefined;
  #tuned: Device | undefined;
  #model: OpenModel | undefined;
  #opening: Opening | undefined;
  /** Stays when the device is lost. */
  #source: ModelSource | undefined;
  #chat: Generator | undefined;
  /** By id, the one used last at the end. */
  readonly #resident = new Map<string, Adapter>();
  /** The workshop's adapter, which the library does not have. */
  #mixture: { readonly adapter: Adapter; readonly origin: AdapterOrigin } | undefined;
  readonly #onLost = new Set<() => void>();
  readonly #open: Openers;

  constructor(openers = OPENERS) {
    this.#open = openers;
  }

  /** Calls `listener` when the device was lost, and everything on it. */
  whenLost(listener: () => void): void {
    this.#onLost.add(listener);
  }

  /** The device, opened if there is none or if it was lost. @throws GraftError `worker-no-webgpu`, `worker-insecure`, `engine-no-adapter` */
  async device(): Promise<Device> {
    return (await this.chosenDevice()).device;
  }

  /** The same, with the reason of the choice. @throws as {@link device} */
  async chosenDevice(): Promise<ChosenDevice> {
    const opening = this.#device;
    const open = await opening;
    // Another call may have opened it again while this one waited.
    if (opening !== this.#device) return this.chosenDevice();
    if (open && !open.device.failure) return open;
    if (open) this.#lose(open.device);
    const opened = this.#open.device(this.#choice);
    this.#device = opened;
    opened.catch(() => {
      if (this.#device === opened) this.#device = undefined;
    });
    return opened;
  }

  /** Whether another device than the one that was chosen is open, or being opened. */
  leavesDevice(choice: DeviceChoice): boolean {
    return this.#device !== undefined && choice !== this.#choice;
  }

  /**
   * Opens the chosen device in place of another, whose memory is freed.
   *
   * @param weightsOn the types of the model's weights on the new device
   * @throws as {@link device}
   */
  async useDevice(
    choice: DeviceChoice,
    weightsOn: (source: ModelSource, device: Device) => Promise<WeightChoices | undefined>,
  ): Promise<ChosenDevice> {
    const leaves = this.leavesDevice(choice);
    this.#choice = choice;
    if (!leaves) return this.chosenDevice();
    while (this.#opening) await this.#opening.done.catch(() => undefined);
    const before = await this.#device?.catch(() => undefined);
    await this.#closeModel();
    if (before) this.#lose(before.device);
    this.#device = undefined;
    const chosen = await this.chosenDevice();
    if (this.#source)
      this.#source = { ...this.#source, baseWeights: await weightsOn(this.#source, chosen.device) };
    // The base's answers of the old device have other last bits.
    if (this.data) this.data = { ...this.data, base: { answers: new Map(), losses: new Map() } };
    return chosen;
  }

  /** The device, with its kernels chosen by measurement. @throws as {@link device}, and `device-differs` */
  async tunedDevice(report: OnProgress = () => undefined): Promise<Device> {
    const device = await this.device();
    if (this.#tuned !== device) {
      await this.#open.tune(device, report);
      this.#tuned = device;
    }
    return device;
  }

  /** The failure of the device, if that caused an error. */
  async reasonFor(error: unknown): Promise<unknown> {
    if (error instanceof GraftError) return error;
    const chosen = await this.#device?.catch(() => undefined);
    if (!chosen) return error;
    const { device } = chosen;
    if (!device.failure) await new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS));
    return device.failure ?? error;
  }

  /** The open model if there is one, even if its device was lost. */
  get opened(): OpenModel | undefined {
    return this.#model;
  }

  /** The source of the model that is open, or was until the device was lost. */
  get source(): ModelSource | undefined {
    return this.#source;
  }

  /** The source of the open model if it is this one, with these types of weights if they are given. */
  has({ name, bundled }: ModelRef, baseWeights?: WeightChoices): ModelSource | undefined {
    const source = this.#source;
    const same = source?.name === name && source.bundled === bundled;
    return same && (!baseWeights || sameChoices(source.baseWeights, baseWeights)) ? source : undefined;
  }

  /** The model, opened again if the device was lost. @throws GraftError `worker-no-model` */
  async model(onProgress: OnProgress = () => undefined): Promise<OpenModel> {
    // A lost device takes its model with it.
    await this.device();
    if (this.#opening) {
      this.#opening.listeners.add(onProgress);
      return this.#opening.done;
    }
    if (this.#model) return this.#model;
    const source = this.#source;
    if (!source) throw new GraftError('worker-no-model', 'No model is open.', 'Choose a model first.');
    return this.#share(onProgress, (report) => this.#load(source, report));
  }

  /** Opens a model in place of the one that is open. Rows belong to a tokenizer, and go with it. */
  async openModel(source: ModelSource, onProgress: OnProgress): Promise<OpenModel> {
    // Nothing may be awaited between the last look and the opening.
    while (this.#opening) await this.#opening.done.catch(() => undefined);
    return this.#share(onProgress, async (report) => {
      const held = this.#model?.fingerprint;
      await this.#closeModel();
      const before = this.#source;
      this.#source = source;
      try {
        const model = await this.#load(source, report);
        if (this.data?.modelContent !== model.content) this.data = undefined;
        // The base's answers depend on the types of its weights.
        else if (held !== model.fingerprint)
          this.data = { ...this.data, base: { answers: new Map(), losses: new Map() } };
        return model;
      } catch (error) {
        // A model that failed to open is not tried again; the previous one may be.
        if (this.#source === source) this.#source = before;
        throw error;
      }
    });
  }

  /** Registers an opening before anything is awaited, so that no second one starts next to it. */
  #share(onProgress: OnProgress, open: (report: OnProgress) => Promise<OpenModel>): Promise<OpenModel> {
    const listeners = new Set([onProgress]);
    const opening: Opening = {
      listeners,
      done: open((progress) => {
        for (const listener of listeners) listener(progress);
      }).finally(() => {
        if (this.#opening === opening) this.#opening = undefined;
      }),
    };
    this.#opening = opening;
    return opening.done;
  }

  async #load(source: ModelSource, report: OnProgress): Promise<OpenModel> {
    const device = await this.tunedDevice(report);
    const model = await this.#open.model(device, source, report);
    // A device that was lost meanwhile took the model with it: the next call opens it again.
    if (!device.failure) this.#model = model;
    return model;
  }

  /** Forgets the open model: its files are about to go. */
  async dropModel(): Promise<void> {
    while (this.#opening) await this.#opening.done.catch(() => undefined);
    await this.#closeModel();
    this.#source = undefined;
    this.data = undefined;
  }

  /** The chat's generator: one sequence. */
  chatGenerator({ model }: OpenModel): Generator {
    return (this.#chat ??= new Generator(model, 1, chatTokens(model.definition.shape.maxPositions)));
  }

  /** An adapter on the GPU; undefined is the base. @throws GraftError `worker-no-adapter`, `adapter-…` */
  async adapter(choice: AdapterChoice, model: OpenModel): Promise<Adapter | undefined> {
    if (choice === 'base') return undefined;
    if (choice !== 'current')
      return choice.id === MIXTURE ? this.mixture() : this.#residentAdapter(choice.id, model);
    if (!this.current)
      throw new GraftError(
        'worker-no-adapter',
        'No run is open.',
        'Start or resume one, or choose an adapter of the library.',
      );
    return 'live' in this.current ? this.current.live : this.#residentAdapter(this.current.id, model);
  }

  /** Holds an adapter of the workshop in place of an earlier one. */
  async holdMixture(adapter: Adapter, name: string): Promise<void> {
    const before = this.#mixture;
    this.#mixture = { adapter, origin: { name, id: MIXTURE } };
    if (before) await this.free(before.adapter);
  }

  /** @throws GraftError `worker-no-adapter` before there is one, and after its model was closed */
  mixture(): Adapter {
    if (this.#mixture) return this.#mixture.adapter;
    throw new GraftError(
      'worker-no-adapter',
      'There is no mixture on this model.',
      'Change a weight in the workshop to make it.',
    );
  }

  /** The name of the mixture, for what it answers. */
  get mixtureOrigin(): AdapterOrigin | undefined {
    return this.#mixture?.origin;
  }

  /** Frees the GPU memory of an adapter that is no longer in the library. */
  async forget(id: string): Promise<void> {
    if (this.current && 'id' in this.current && this.current.id === id) this.current = undefined;
    await this.#evict(id);
  }

  async #evict(id: string): Promise<void> {
    const adapter = this.#resident.get(id);
    if (!adapter) return;
    this.#resident.delete(id);
    await this.free(adapter);
  }

  /** Frees an adapter and the plans that have it. */
  async free(adapter: Adapter): Promise<void> {
    if (adapter.device.failure) return;
    await adapter.device.settle();
    this.#chat?.forget(adapter);
    adapter.destroy();
  }

  /** Frees memory that the chat shares with a run that has ended. The GPU must have settled. */
  trim(): void {
    this.#chat?.forgetAll();
  }

  /** Frees everything but the device. */
  async #closeModel(): Promise<void> {
    const model = this.#model;
    if (!model) return;
    const { device } = model.model;
    if (!device.failure) await device.settle();
    this.#chat?.destroy();
    for (const adapter of this.#resident.values()) adapter.destroy();
    this.#mixture?.adapter.destroy();
    this.#forgetAll();
    await model.model.destroy();
  }

  async #residentAdapter(id: string, { info, model }: OpenModel): Promise<Adapter> {
    const known = this.#resident.get(id);
    if (known) {
      this.#resident.delete(id);
      this.#resident.set(id, known);
      return known;
    }
    const [kept, files] = await Promise.all([findAdapter(id), storedAdapterFiles(id)]);
    if (!kept || !files) throw unknownAdapter();
    const folder = memoryFiles(files, kept.name);
    const { modules, tensors } = await readPeft(folder, model.definition).catch((error: unknown) => {
      throw madeForOther(error, kept, info.name);
    });
    const [oldest] = this.#resident.keys();
    if (this.#resident.size >= RESIDENT) await this.#evict(oldest);
    const adapter = await Adapter.frozen(model, modules, tensors);
    this.#resident.set(id, adapter);
    return adapter;
  }

  #lose(device: Device): void {
    for (const listener of this.#onLost) listener();
    this.#forgetAll();
    this.#opening = undefined;
    device.close();
  }

  #forgetAll(): void {
    this.#chat = undefined;
    this.#resident.clear();
    this.#mixture = undefined;
    this.#model = undefined;
    if (this.current && 'live' in this.current) this.current = undefined;
  }
}

/** What is thrown if an adapter is not kept any more. */
export function unknownAdapter(): GraftError {
  return new GraftError(
    'worker-no-adapter',
    'This adapter is not in the library.',
    'It was deleted, perhaps in another tab: choose another.',
  );
}

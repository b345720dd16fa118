/**
 * What the worker holds on the GPU: one device, one model, the adapters that were used last, the cache of the chat. When the device is
 * lost all of it goes, and the next call opens it again.
 */
import type { Device } from '../engine/device.ts';
import { GraftError } from '../errors.ts';
import { readPeft } from '../export/peft.ts';
import { Generator } from '../model/generator.ts';
import { Adapter } from '../model/lora.ts';
import { sameChoices, type WeightChoices } from '../model/weight-types.ts';
import { adapterFiles } from '../storage/adapters.ts';
import { memoryFiles } from '../weights/bytes.ts';
import type { AdapterChoice, AdapterOrigin, ModelRef, Progress } from './api.ts';
import type { DataSet } from './data.ts';
import { openGpu, tune } from './gpu.ts';
import { openModel, type ModelSource, type OpenModel } from './model.ts';
import type { TrainedOn } from './trained-on.ts';

/** The longest conversation: the cache of a model made for 128k tokens would fill the GPU. */
const CHAT_TOKENS = 4096;
/** Tokens of a conversation with a model that was made for at most so many. */
export function chatTokens(maxPositions: number): number {
  return Math.min(maxPositions, CHAT_TOKENS);
}

/** Adapters that stay on the GPU. */
const RESIDENT = 8;
/** A device that is lost fails what waits for it first, and says so a moment later. */
const LOSS_NOTICE_MS = 100;

/** The adapter that `current` means: one in training, or one of the library. */
export type Current =
  | { readonly live: Adapter; readonly origin: () => AdapterOrigin; readonly trainedOn: () => TrainedOn }
  | { readonly id: string };

export class Session {
  data: DataSet | undefined;
  current: Current | undefined;
  #device: Promise<Device> | undefined;
  #tuned: Device | undefined;
  #model: OpenModel | undefined;
  /** Stays when the device is lost. */
  #source: ModelSource | undefined;
  #chat: Generator | undefined;
  /** By id, the one used last at the end. */
  readonly #resident = new Map<string, Adapter>();
  readonly #onLost = new Set<() => void>();

  /** Calls `listener` when the device was lost, and everything on it. */
  whenLost(listener: () => void): void {
    this.#onLost.add(listener);
  }

  /** @throws GraftError `worker-no-webgpu`, `worker-insecure`, `engine-no-adapter` */
  async device(): Promise<Device> {
    const opening = this.#device;
    const open = await opening;
    // Another call may have opened it again while this one waited.
    if (opening !== this.#device) return this.device();
    if (open && !open.failure) return open;
    if (open) this.#lose(open);
    this.#device = openGpu(navigator.gpu as GPU | undefined, isSecureContext);
    this.#device.catch(() => {
      this.#device = undefined;
    });
    return this.#device;
  }

  /** The device, with its kernels chosen by measurement. @throws as {@link device} */
  async tunedDevice(): Promise<Device> {
    const device = await this.device();
    if (this.#tuned !== device) {
      await tune(device);
      this.#tuned = device;
    }
    return device;
  }

  /** The failure of the device, if that is behind an error. */
  async reasonFor(error: unknown): Promise<unknown> {
    if (error instanceof GraftError) return error;
    const device = await this.#device?.catch(() => undefined);
    if (!device) return error;
    if (!device.failure) await new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS));
    return device.failure ?? error;
  }

  /** The open model if there is one, whether or not its device is still there. */
  get opened(): OpenModel | undefined {
    return this.#model;
  }

  /** Where the model comes from that is open, or was until the device was lost. */
  get source(): ModelSource | undefined {
    return this.#source;
  }

  /** The source of a model if it is this one, held in this way if that is said. */
  has({ name, bundled }: ModelRef, baseWeights?: WeightChoices): ModelSource | undefined {
    const source = this.#source;
    const same = source?.name === name && source.bundled === bundled;
    return same && (!baseWeights || sameChoices(source.baseWeights, baseWeights)) ? source : undefined;
  }

  /** The model, opened again if the device was lost. @throws GraftError `worker-no-model` */
  async model(onProgress: (progress: Progress) => void = () => undefined): Promise<OpenModel> {
    // A lost device takes its model with it.
    await this.device();
    if (this.#model) return this.#model;
    if (!this.#source) throw new GraftError('worker-no-model', 'No model is open.', 'Choose a model first.');
    const device = await this.tunedDevice();
    return (this.#model = await openModel(device, this.#source, onProgress));
  }

  /** Opens a model in place of the one that is open. Data belongs to a tokenizer, and goes with it. */
  async openModel(source: ModelSource, onProgress: (progress: Progress) => void): Promise<OpenModel> {
    const held = this.#model?.fingerprint;
    await this.close();
    const before = this.#source;
    this.#source = source;
    try {
      const model = await this.model(onProgress);
      if (this.data?.modelContent !== model.content) this.data = undefined;
      // What the base answered was of its weights as they were held.
      else if (held !== model.fingerprint) this.data = { ...this.data, base: { answers: [] } };
      return model;
    } catch (error) {
      // What does not open is not opened again; the model before may be.
      this.#source = before;
      throw error;
    }
  }

  /** Whether the chat's cache is on the GPU. */
  get chatting(): boolean {
    return this.#chat !== undefined;
  }

  /** Forgets the open model: its files are about to go. */
  async dropModel(): Promise<void> {
    await this.close();
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
    if (choice !== 'current') return this.#residentAdapter(choice.id, model);
    if (!this.current)
      throw new GraftError(
        'worker-no-adapter',
        'No run is on the GPU.',
        'Start or resume one, or choose an adapter of the library.',
      );
    return 'live' in this.current ? this.current.live : this.#residentAdapter(this.current.id, model);
  }

  /** Frees the place on the GPU of an adapter that is no longer in the library. */
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

  /** Gives back what the chat shares with a run that has ended. The GPU must have settled. */
  trim(): void {
    this.#chat?.forgetAll();
  }

  /** Frees everything but the device. */
  async close(): Promise<void> {
    const model = this.#model;
    if (!model) return;
    const { device } = model.model;
    if (!device.failure) await device.settle();
    this.#chat?.destroy();
    for (const adapter of this.#resident.values()) adapter.destroy();
    this.#forgetAll();
    await model.model.destroy();
  }

  async #residentAdapter(id: string, { model }: OpenModel): Promise<Adapter> {
    const known = this.#resident.get(id);
    if (known) {
      this.#resident.delete(id);
      this.#resident.set(id, known);
      return known;
    }
    const files = await adapterFiles(id);
    if (!files) throw unknownAdapter();
    const { modules, tensors } = await readPeft(memoryFiles(files, 'The adapter'), model.definition);
    const [oldest] = this.#resident.keys();
    if (this.#resident.size >= RESIDENT) await this.#evict(oldest);
    const adapter = new Adapter(model.device, modules, tensors, { trainable: false });
    this.#resident.set(id, adapter);
    return adapter;
  }

  #lose(device: Device): void {
    for (const listener of this.#onLost) listener();
    this.#forgetAll();
    device.close();
  }

  #forgetAll(): void {
    this.#chat = undefined;
    this.#resident.clear();
    this.#model = undefined;
    if (this.current && 'live' in this.current) this.current = undefined;
  }
}

export function unknownAdapter(): GraftError {
  return new GraftError(
    'worker-no-adapter',
    'This adapter is not in the library.',
    'It was deleted, perhaps in another tab: choose another.',
  );
}

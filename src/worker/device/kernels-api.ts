/** Measures kernels for the products of the open model while the device has nothing else to do. */
import type { Device } from '../../engine/device.ts';
import { GpuDevice } from '../../engine/webgpu/device.ts';
import { className } from '../../engine/webgpu/product-class.ts';
import {
  areTunedClasses,
  chosenProducts,
  tuneProducts,
  type TunedClass,
} from '../../engine/webgpu/tune-products.ts';
import { GraftError } from '../../errors.ts';
import { productRows } from '../../evaluate/product-words.ts';
import { isObject, parseJson } from '../../json.ts';
import { deviceName } from '../../runs/card-facts.ts';
import type { Failure, GraftWorker, KernelsPhase, KernelsState } from '../api.ts';
import { productsOf, tunedClasses } from './gpu.ts';
import type { OpenModel } from '../models/model.ts';
import { failureOf, listener, outcome } from '../outcome.ts';
import { GaveWay, type Queue } from '../queue.ts';
import type { Session } from '../session.ts';
import { someTabTrains } from './training-lock.ts';

type Api = Pick<
  GraftWorker,
  'watchKernels' | 'measureKernels' | 'pauseKernels' | 'forgetKernels' | 'exportKernels' | 'importKernels'
>;

/** How often the queue is looked at, and how often in a row it must be empty before anything is measured. */
const LOOK_MS = 5_000;
const QUIET_LOOKS = 3;
/** Tokens of a micro-batch, and the rank of an adapter, as a run starts with. */
const TOKENS = 512;
const RANK = 16;

/** The person stopped it. */
class Stopped extends Error {}

export class Kernels {
  #phase: KernelsPhase = 'idle';
  #progress = { done: 0, total: 0, doing: '' };
  #classes: readonly TunedClass[] = [];
  #listeners = new Set<(state: KernelsState) => void>();
  #running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  /** The model that was measured last, or that the person wants none of. */
  #seen: OpenModel | undefined;
  #quiet = 0;
  #isAutomatic = true;
  #failure: Failure | undefined;

  /** @param wait between two looks at the queue, in milliseconds, for tests */
  constructor(
    private readonly session: Session,
    private readonly queue: Queue,
    private readonly wait = LOOK_MS,
  ) {}

  watch(onChange: (state: KernelsState) => void): void {
    this.#listeners.add(onChange);
    if (this.#listeners.size === 1) setInterval(() => this.#look(), this.wait);
    void this.#read().then(() => this.#tell());
  }

  /** Starts or continues, and does not wait for the end. @throws GraftError `worker-no-model`, `tuned-products` */
  async measure(): Promise<void> {
    if (this.#running) return;
    if (!this.session.opened)
      throw new GraftError('worker-no-model', 'No model is open.', 'Choose a model under Task first.');
    await this.#device();
    // Another call may have started it meanwhile.
    if (this.#running) return;
    const stop = new AbortController();
    this.#failure = undefined;
    const done = this.#search(stop.signal)
      .catch((error: unknown) => {
        // Such as the loss of the device: it is among the candidates, and whether it is worth another one is for the person to say.
        this.#failure = failureOf(error);
        this.#isAutomatic = this.#failure.code === 'worker-no-model';
        this.#phase = 'idle';
      })
      .finally(() => {
        this.#running = undefined;
        this.#tell();
      });
    this.#running = { stop, done };
  }

  async pause(phase: KernelsPhase = 'paused'): Promise<void> {
    this.#seen = this.session.opened;
    if (!this.#running) return;
    this.#running.stop.abort(new Stopped());
    await this.#running.done;
    this.#phase = phase;
    this.#tell();
  }

  async forget(): Promise<void> {
    await this.pause('idle');
    const device = await this.#device();
    await productsOf(device).forget();
    this.#use(device, []);
    this.#phase = 'idle';
    this.#tell();
  }

  async export(): Promise<string> {
    const device = await this.#device();
    const products = productsOf(device);
    const value = {
      ...{ adapter: deviceName(device.adapter), on: products.on, ranked: true },
      products: await tunedClasses(products),
    };
    return `${JSON.stringify(value, null, 2)}\n`;
  }

  /** @throws GraftError `tuned-products` */
  async import(json: string): Promise<void> {
    const device = await this.#device();
    const products = productsOf(device);
    const value = parseJson(json, 'The file');
    if (!isObject(value) || !areTunedClasses(value['products']))
      throw new GraftError(
        'tuned-products',
        'This file does not hold measured kernels.',
        'Choose a file that “Save as a file” wrote.',
      );
    if (value['on'] !== products.on)
      throw new GraftError(
        'tuned-products',
        `These kernels were measured on ${String(value['adapter'])}, or by another version of Graft or of the browser.`,
        'Measure them here instead.',
      );
    await this.pause('idle');
    await products.keep(value['products']);
    this.#use(device, value['products']);
    this.#tell();
  }

  /** @throws GraftError `tuned-products` on a device that has nothing to choose from */
  async #device(): Promise<GpuDevice> {
    const device = await this.session.tunedDevice();
    if (isTunable(device)) return device;
    this.#phase = 'none';
    throw new GraftError(
      'tuned-products',
      `${deviceName(device.adapter)} has no kernels to choose from.`,
      'Choose a GPU under “Compute on” on the first page.',
    );
  }

  /** Starts if the device has been idle for a while, and the open model was not measured on it yet. */
  #look(): void {
    const { opened } = this.session;
    const isNew = this.#isAutomatic && opened !== undefined && opened !== this.#seen && !this.#running;
    this.#quiet = isNew && !this.queue.busy ? this.#quiet + 1 : 0;
    if (this.#quiet < QUIET_LOOKS) return;
    this.#quiet = 0;
    const { device } = opened!.model;
    this.#seen = opened;
    // Whatever it throws, the person gets it from a press of the button.
    if (isTunable(device)) this.measure().catch(() => undefined);
  }

  async #search(stop: AbortSignal): Promise<void> {
    // Loaded when they are needed: the trainer and the planner are among them.
    const [{ classesOfModel }, { openProductBench }] = await Promise.all([
      import('../../evaluate/product-classes.ts'),
      import('../../evaluate/product-bench.ts'),
    ]);
    for (;;) {
      this.#phase = 'waiting';
      this.#tell();
      if (this.queue.busy) await this.#quietly(stop);
      if (stop.aborted) return;
      try {
        await this.queue.whenIdle(async (signal) => {
          stop.throwIfAborted();
          // Two tabs at once would measure each other.
          if (await someTabTrains()) throw new GaveWay();
          const open = await this.session.model(() => undefined);
          const { model } = open;
          const device = await this.#device();
          const shapes = await classesOfModel(device.lowering, model.definition, {
            ...{ precision: model.dtype, baseWeights: model.weightChoices, storedAs: model.storedAs },
            ...{ tokens: TOKENS, rank: RANK },
          });
          this.#phase = 'measuring';
          const bench = await openProductBench(device);
          const kept = productsOf(device);
          try {
            const classes = await tuneProducts(shapes, device, bench, await tunedClasses(kept), {
              signal: AbortSignal.any([stop, signal]),
              keep: async (known) => {
                this.#classes = [...known];
                await kept.keep(known);
              },
              onCandidate: (done, total, shape) => {
                this.#progress = { done, total, doing: className(shape) };
                this.#tell();
              },
            });
            this.#use(device, classes);
            this.#seen = open;
            this.#phase = 'idle';
          } finally {
            if (!device.failure) bench.close();
          }
        });
        return;
      } catch (error) {
        if (error instanceof Stopped) return;
        if (!(error instanceof GaveWay)) throw error;
        await this.#quietly(stop);
      }
    }
  }

  /** Waits until the queue has been empty for a while, so that a conversation is not interrupted between two answers. */
  async #quietly(stop: AbortSignal): Promise<void> {
    this.#phase = 'waiting';
    this.#tell();
    for (let looks = 0; looks < QUIET_LOOKS && !stop.aborted; looks++) {
      await new Promise((resolve) => setTimeout(resolve, this.wait));
      if (this.queue.busy || (await someTabTrains())) looks = -1;
    }
  }

  /** Plans that are compiled from now on have these kernels. */
  #use(device: GpuDevice, classes: readonly TunedClass[]): void {
    this.#classes = classes;
    device.tuning = { ...device.tuning, products: chosenProducts(classes) };
  }

  /** Reads what was kept, if a device is open that it was kept for. */
  async #read(): Promise<void> {
    const { opened } = this.session;
    const device = opened?.model.device ?? (await this.session.device().catch(() => undefined));
    if (!isTunable(device)) this.#phase = 'none';
    else if (!this.#running) this.#classes = await tunedClasses(productsOf(device));
  }

  #tell(): void {
    const state: KernelsState = {
      ...{ phase: this.#phase, ...this.#progress, rows: productRows(this.#classes) },
      ...(this.#failure && { failure: this.#failure }),
    };
    for (const onChange of this.#listeners) onChange(state);
  }
}

/** Whether there are kernels to choose from. On a GPU in software times would say nothing about one. */
function isTunable(device: Device | undefined): device is GpuDevice {
  return device instanceof GpuDevice && !device.software && device.tuning.matmul.family === 'tiles';
}

/** Answers the page's calls about measured kernels. */
export function kernelsApi(kernels: Kernels): Api {
  const done =
    (work: () => Promise<void>): (() => ReturnType<Api['forgetKernels']>) =>
    () =>
      outcome(async () => {
        await work();
        return {};
      });
  return {
    watchKernels(onChange) {
      kernels.watch(listener(onChange));
      return new Promise<never>(() => undefined);
    },
    measureKernels: done(() => kernels.measure()),
    pauseKernels: () => kernels.pause(),
    forgetKernels: done(() => kernels.forget()),
    exportKernels: () => outcome(async () => ({ json: await kernels.export() })),
    importKernels: (json) => done(() => kernels.import(json))(),
  };
}

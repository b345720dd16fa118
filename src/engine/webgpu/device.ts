/**
 * A WebGPU device with raised limits, an account of its memory, and loud failures: a lost device or an uncaptured error is
 * kept and thrown by the next call, never swallowed.
 */
import { GraftError } from '../../errors.ts';
import { AccountedDevice } from '../accounted-device.ts';
import { READBACK_BYTES, type AdapterDescription, type CompileProgress, type Device } from '../device.ts';
import { dropDead } from '../memory.ts';
import type { Pool } from '../pool.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { GpuLowering } from './lowering.ts';
import { Pipelines } from './pipelines.ts';
import { Pace } from './pace.ts';
import { compilePipelines, GpuPlan } from './plan.ts';
import { profilePlans, replayMatmuls } from './profile.ts';
import { GpuStagingRing } from './staging.ts';
import type { GpuTarget } from './target.ts';
import {
  defaultTuning,
  kernelBuilds,
  isSoftware,
  type KernelBuilds,
  type KernelChoice,
  type Tuning,
} from './tuning.ts';
import { MAP_READ, READBACK_USAGE, STORAGE_USAGE } from './usage.ts';

export interface DeviceOptions {
  powerPreference?: GPUPowerPreference;
  /** The builds of kernels; by the adapter's name if left out. */
  kernels?: KernelChoice;
  /** A stored measurement for this adapter and these builds, if there is one. */
  tuning?: Tuning;
  /** Limits below those of the adapter: of a phone's memory, or to test on a large GPU how a small one behaves. */
  limits?: Partial<GpuTarget['limits']>;
  /** A clock in seconds, for tests. */
  now?: () => number;
  /** Asks for WebGPU's default limits and no feature, which every adapter has, to test on any adapter what the least one computes. */
  least?: boolean;
}

const seconds = (): number => performance.now() / 1000;

const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;
const WANTED_FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

/** An opened GPU: `openDevice` makes it. It ends itself when the browser loses the device or reports an error. */
export class GpuDevice extends AccountedDevice<GPUBuffer> implements Device, GpuTarget {
  readonly features: GpuTarget['features'] & { readonly timestamps: boolean };
  readonly limits: GpuTarget['limits'];
  readonly software: boolean;
  readonly kernels: KernelBuilds;
  readonly lowering: GpuLowering;
  /** How fast the plans run here. */
  readonly pace: Pace;
  #tuning: Tuning;
  #closed = false;
  readonly #pipelines: Pipelines;

  constructor(
    readonly gpu: GPUDevice,
    readonly adapter: AdapterDescription,
    {
      kernels,
      tuning,
      limits,
      now = seconds,
    }: Pick<DeviceOptions, 'kernels' | 'tuning' | 'limits' | 'now'> = {},
  ) {
    super();
    this.lowering = new GpuLowering(this);
    this.#pipelines = new Pipelines(gpu, () => this.check());
    this.features = {
      f16: gpu.features.has('shader-f16'),
      subgroups: gpu.features.has('subgroups'),
      timestamps: gpu.features.has('timestamp-query'),
    };
    this.limits = lowered(gpu.limits, limits);
    this.software = isSoftware(adapter);
    this.kernels = kernelBuilds(adapter, kernels);
    this.#tuning = tuning ?? defaultTuning(adapter, this.kernels);
    this.pace = new Pace({ now, done: () => gpu.queue.onSubmittedWorkDone() });
    gpu.addEventListener('uncapturederror', (event) => {
      const { error } = event;
      const outOfMemory = error.constructor.name === 'GPUOutOfMemoryError';
      this.fail(
        outOfMemory
          ? new GraftError(
              'engine-out-of-memory',
              `The GPU is out of memory: ${error.message}`,
              'Use a smaller batch, a shorter length or half precision.',
            )
          : new GraftError(
              'engine-gpu-error',
              `The GPU rejected a command: ${error.message}`,
              'This is a defect in Graft; please report it with this text.',
            ),
      );
    });
    void gpu.lost.then((info) => {
      if (this.#closed) return;
      this.fail(
        new GraftError(
          'engine-device-lost',
          `The GPU was lost: ${info.message || info.reason}.`,
          'Saved work is safe; open the device again and resume.',
        ),
      );
    });
  }

  get tuning(): Tuning {
    return this.#tuning;
  }

  /** Other kernels have another speed. */
  set tuning(tuning: Tuning) {
    this.#tuning = tuning;
    this.pace.reset();
  }

  /** How many times as long a submit takes as the tuning says. A software adapter has no watchdog: its submits stay as they are. */
  get slowness(): number {
    return this.software ? 1 : this.pace.slowness;
  }

  async catchUp(): Promise<void> {
    await this.pace.catchUp();
    this.check();
  }

  async settle(): Promise<void> {
    await this.gpu.queue.onSubmittedWorkDone();
    this.check();
  }

  /** Makes a buffer of any use. @throws GraftError `engine-buffer-size`, and as `check` */
  createBuffer(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    this.check();
    const size = this.lowering.allocationBytes(bytes);
    if (size > this.limits.maxBufferSize) {
      throw new GraftError(
        'engine-buffer-size',
        `${label} needs a buffer of ${size} bytes, and this adapter allows ${this.limits.maxBufferSize}.`,
        'Use a smaller model, batch or length.',
      );
    }
    return this.account(this.gpu.createBuffer({ size, usage, label }), label);
  }

  allocate(bytes: number, label: string): GPUBuffer {
    return this.createBuffer(bytes, STORAGE_USAGE, label);
  }

  release(buffer: GPUBuffer): void {
    this.discount(buffer);
    buffer.destroy();
  }

  /** A new buffer has zeros. */
  protected fill(buffer: GPUBuffer, data: ArrayBufferView<ArrayBuffer> | undefined): void {
    if (data) this.writeBuffer(buffer, 0, data);
  }

  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    this.writeBuffer(this.uploaded(tensor), tensor.offset + offset, data);
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.readBuffer(this.uploaded(tensor), tensor.offset, tensor.bytes);
  }

  copy(pairs: readonly { readonly from: Tensor; readonly to: Tensor }[]): void {
    const encoder = this.gpu.createCommandEncoder();
    for (const { from, to } of pairs)
      encoder.copyBufferToBuffer(this.uploaded(from), from.offset, this.uploaded(to), to.offset, from.bytes);
    this.gpu.queue.submit([encoder.finish()]);
  }

  createStaging(bytes: number, what: string): GpuStagingRing {
    return new GpuStagingRing(this, bytes, what);
  }

  async compile(tape: Tape, pool: Pool): Promise<GpuPlan> {
    return GpuPlan.compile(this, tape, pool);
  }

  async prepare(tapes: readonly Tape[], onProgress: CompileProgress): Promise<void> {
    const dispatches = tapes.flatMap(({ operations }) => dropDead(this.lowering.lower(operations)));
    await compilePipelines(this, dispatches, onProgress);
  }

  readonly profile: Device['profile'] = (plans, options) => profilePlans(this, plans, options);

  readonly replayMatmuls: Device['replayMatmuls'] = (plan) => replayMatmuls(this, plan);

  /** Writes host data, padding the last bytes to a multiple of four as WebGPU wants. */
  writeBuffer(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const whole = bytes.byteLength & ~3;
    if (whole > 0) this.gpu.queue.writeBuffer(buffer, offset, bytes, 0, whole);
    if (whole < bytes.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(bytes.subarray(whole));
      this.gpu.queue.writeBuffer(buffer, offset + whole, tail);
    }
  }

  /** Copies `bytes` of a buffer to the host, chunk by chunk. Awaits the GPU: not for use inside a step. */
  async readBuffer(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const size = Math.ceil(bytes / 4) * 4;
    const result = new Uint8Array(size);
    const staging = this.createBuffer(Math.min(size, READBACK_BYTES), READBACK_USAGE, 'readback');
    try {
      for (let start = 0; start < size; start += READBACK_BYTES) {
        this.check();
        const chunk = Math.min(size - start, READBACK_BYTES);
        const encoder = this.gpu.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, offset + start, staging, 0, chunk);
        this.gpu.queue.submit([encoder.finish()]);
        await staging.mapAsync(MAP_READ, 0, chunk);
        this.check();
        result.set(new Uint8Array(staging.getMappedRange(0, chunk)), start);
        staging.unmap();
      }
    } catch (error) {
      this.check();
      throw error;
    } finally {
      this.release(staging);
    }
    return size === bytes ? result.buffer : result.buffer.slice(0, bytes);
  }

  /** The pipeline of a dispatch, compiled at most once per variant. */
  pipeline(dispatch: Dispatch): Promise<GPUComputePipeline> {
    return this.#pipelines.of(dispatch);
  }

  /** The layout of a dispatch's bindings: only the ones it names. */
  layout(dispatch: Dispatch): GPUBindGroupLayout {
    return this.#pipelines.layout(dispatch);
  }

  close(): void {
    this.#closed = true;
    this.end(new GraftError('engine-closed', 'The GPU device was closed.', 'Open it again.'));
    this.gpu.destroy();
  }
}

function lowered(limits: GpuTarget['limits'], wanted: DeviceOptions['limits'] = {}): GpuTarget['limits'] {
  const min = (name: keyof GpuTarget['limits']): number =>
    Math.min(limits[name] ?? Infinity, wanted[name] ?? Infinity);
  return {
    maxStorageBufferBindingSize: min('maxStorageBufferBindingSize'),
    maxBufferSize: min('maxBufferSize'),
    maxComputeWorkgroupStorageSize: min('maxComputeWorkgroupStorageSize'),
    maxComputeInvocationsPerWorkgroup: min('maxComputeInvocationsPerWorkgroup'),
    largestWeight: min('largestWeight'),
    memoryBytes: min('memoryBytes'),
  };
}

/**
 * Opens a device on the best adapter that `gpu` offers, with every limit that Graft uses raised to what the adapter allows.
 *
 * @throws GraftError `engine-no-adapter` if there is none
 */
export async function openDevice(gpu: GPU, options: DeviceOptions = {}): Promise<GpuDevice> {
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (!adapter) {
    throw new GraftError(
      'engine-no-adapter',
      'No WebGPU adapter answered.',
      'Install a Vulkan, Metal or Direct3D 12 driver (on Debian: apt-get install mesa-vulkan-drivers).',
    );
  }
  const { least = false } = options;
  const requiredLimits: Record<string, number> = {};
  for (const limit of least ? [] : RAISED_LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const device = await adapter.requestDevice({
    requiredFeatures: WANTED_FEATURES.filter((feature) => !least && adapter.features.has(feature)),
    requiredLimits,
    label: 'graft',
  });
  return new GpuDevice(device, describeAdapter(adapter), options);
}

/** The names that a browser gives: Firefox leaves them empty, and versions before 2025 have no `info`. */
function describeAdapter(adapter: Pick<GPUAdapter, 'info'>): AdapterDescription {
  const info = adapter.info as Partial<GPUAdapterInfo> | undefined;
  return {
    vendor: info?.vendor ?? '',
    architecture: info?.architecture ?? '',
    description: info?.description ?? '',
    ...(info?.isFallbackAdapter === true && { fallback: true }),
  };
}

/**
 * A WebGPU device with raised limits, an account of its memory, and loud failures: a lost device or an error that nobody captured is
 * kept and thrown by the next call, never swallowed.
 */
import { GraftError } from '../errors.ts';
import { piecesOf } from './pieces.ts';
import { Pipelines } from './pipelines.ts';
import type { Dispatch } from './tape.ts';
import type { Target } from './target.ts';
import { Storage, Tensor, byteLength, type DType } from './tensor.ts';
import { defaultTuning, softwareAdapter, type Tuning } from './tuning.ts';
import { MAP_READ, READBACK_USAGE, STORAGE_USAGE } from './usage.ts';

/** Names the adapter in reports and as the key of stored measurements. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
}

export interface DeviceOptions {
  powerPreference?: GPUPowerPreference;
  /** A stored measurement for this adapter, if there is one. */
  tuning?: Tuning;
  /** Limits below those of the adapter: to try on a large one how a small one would do. */
  limits?: Partial<Target['limits']>;
}

interface DeviceConstruction extends Pick<DeviceOptions, 'tuning' | 'limits'> {
  /** For a device on paper: what it stands for. */
  paper?: { readonly software: boolean };
}

/** Readbacks go through a buffer of at most this size. */
export const READBACK_BYTES = 16 * 2 ** 20;

const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;
const WANTED_FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

export class Device implements Target {
  readonly features: Target['features'] & { readonly timestamps: boolean };
  readonly limits: Target['limits'];
  readonly software: boolean;
  /** Whether nothing is behind this device: see paper.ts. Sizes above the limits are counted there, not refused. */
  readonly paper: boolean;
  tuning: Tuning;
  /** The largest buffer that was made. */
  largestBuffer = { label: 'none', bytes: 0 };
  #allocatedBytes = 0;
  #peakBytes = 0;
  #failure: GraftError | undefined;
  #closed = false;
  readonly #pipelines: Pipelines;
  readonly #losses = new Set<(error: GraftError) => void>();

  constructor(
    readonly gpu: GPUDevice,
    readonly adapter: AdapterDescription,
    { tuning, limits, paper }: DeviceConstruction = {},
  ) {
    this.#pipelines = new Pipelines(gpu, () => this.check());
    this.features = {
      f16: gpu.features.has('shader-f16'),
      subgroups: gpu.features.has('subgroups'),
      timestamps: gpu.features.has('timestamp-query'),
    };
    this.limits = lowered(gpu.limits, limits);
    this.paper = paper !== undefined;
    this.software = paper?.software ?? softwareAdapter(adapter) !== undefined;
    this.tuning = tuning ?? defaultTuning(adapter);
    gpu.addEventListener('uncapturederror', (event) => {
      const { error } = event;
      const outOfMemory = error.constructor.name === 'GPUOutOfMemoryError';
      this.#fail(
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
      this.#fail(
        new GraftError(
          'engine-device-lost',
          `The GPU was lost: ${info.message || info.reason}.`,
          'Saved work is safe; open the device again and resume.',
        ),
      );
    });
  }

  /** Bytes of all buffers that exist now. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** The most bytes that existed at once since the device was opened, or since `resetPeak`. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  resetPeak(): void {
    this.#peakBytes = this.#allocatedBytes;
  }

  /** The failure that ended this device, if one did. */
  get failure(): GraftError | undefined {
    return this.#failure;
  }

  /** Calls `listener` once when the device fails; returns a function that stops listening. */
  onFailure(listener: (error: GraftError) => void): () => void {
    this.#losses.add(listener);
    return () => this.#losses.delete(listener);
  }

  /** @throws GraftError if the device is lost or an uncaptured error came. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Waits until everything submitted has run. @throws GraftError as `check` */
  async settle(): Promise<void> {
    await this.gpu.queue.onSubmittedWorkDone();
    this.check();
  }

  createBuffer(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    this.check();
    const size = bufferSize(bytes);
    if (!this.paper && size > this.limits.maxBufferSize) {
      throw new GraftError(
        'engine-buffer-size',
        `${label} needs a buffer of ${size} bytes, and this adapter allows ${this.limits.maxBufferSize}.`,
        'Use a smaller model, batch or length.',
      );
    }
    const buffer = this.gpu.createBuffer({ size, usage, label });
    if (buffer.size > this.largestBuffer.bytes) this.largestBuffer = { label, bytes: buffer.size };
    this.#allocatedBytes += buffer.size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#allocatedBytes);
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#allocatedBytes -= buffer.size;
    buffer.destroy();
  }

  /** A tensor outside any plan, filled with `data` or zeros. */
  upload(shape: readonly number[], dtype: DType, label: string, data?: ArrayBufferView<ArrayBuffer>): Tensor {
    const storage = new Storage('external', byteLength(shape, dtype), label);
    storage.buffer = this.createBuffer(storage.bytes, STORAGE_USAGE, label);
    if (data) this.write(storage.buffer, 0, data);
    return new Tensor(storage, shape, dtype);
  }

  /** Frees a tensor made by `upload`, or all pieces of one, after everything submitted has run. */
  free(tensor: Tensor): void {
    for (const { tensor: piece } of piecesOf(tensor)) {
      const { buffer } = piece.storage;
      if (!buffer) continue;
      piece.storage.buffer = undefined;
      this.destroyBuffer(buffer);
    }
  }

  /** Writes host data, padding the last bytes to a multiple of four as WebGPU wants. */
  write(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const whole = bytes.byteLength & ~3;
    if (whole > 0) this.gpu.queue.writeBuffer(buffer, offset, bytes, 0, whole);
    if (whole < bytes.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(bytes.subarray(whole));
      this.gpu.queue.writeBuffer(buffer, offset + whole, tail);
    }
  }

  /** Copies `bytes` of a buffer to the host, piece by piece. Awaits the GPU: not for use inside a step. */
  async read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const size = Math.ceil(bytes / 4) * 4;
    const result = new Uint8Array(size);
    const staging = this.createBuffer(Math.min(size, READBACK_BYTES), READBACK_USAGE, 'readback');
    try {
      for (let start = 0; start < size; start += READBACK_BYTES) {
        this.check();
        const piece = Math.min(size - start, READBACK_BYTES);
        const encoder = this.gpu.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, offset + start, staging, 0, piece);
        this.gpu.queue.submit([encoder.finish()]);
        await staging.mapAsync(MAP_READ, 0, piece);
        this.check();
        result.set(new Uint8Array(staging.getMappedRange(0, piece)), start);
        staging.unmap();
      }
    } catch (error) {
      this.check();
      throw error;
    } finally {
      this.destroyBuffer(staging);
    }
    return size === bytes ? result.buffer : result.buffer.slice(0, bytes);
  }

  /** The pipeline of a dispatch, compiled at most once per variant. */
  pipeline(dispatch: Dispatch): Promise<GPUComputePipeline> {
    return this.#pipelines.of(dispatch);
  }

  /** The layout of a dispatch's bindings: only those it names. */
  layout(dispatch: Dispatch): GPUBindGroupLayout {
    return this.#pipelines.layout(dispatch);
  }

  /** Ends the device. Buffers are gone with it. */
  close(): void {
    this.#closed = true;
    this.#failure ??= new GraftError('engine-closed', 'The GPU device was closed.', 'Open it again.');
    this.gpu.destroy();
  }

  #fail(error: GraftError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const listener of this.#losses) listener(error);
    this.#losses.clear();
  }
}

/** Bytes that a buffer takes for so many. */
function bufferSize(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

function lowered(limits: Target['limits'], wanted: DeviceOptions['limits'] = {}): Target['limits'] {
  const least = (name: keyof Target['limits']): number =>
    Math.min(limits[name] ?? Infinity, wanted[name] ?? Infinity);
  return {
    maxStorageBufferBindingSize: least('maxStorageBufferBindingSize'),
    maxBufferSize: least('maxBufferSize'),
    maxComputeWorkgroupStorageSize: least('maxComputeWorkgroupStorageSize'),
    maxComputeInvocationsPerWorkgroup: least('maxComputeInvocationsPerWorkgroup'),
    largestWeight: least('largestWeight'),
  };
}

/**
 * Opens a device on the best adapter that `gpu` offers, with every limit that Graft uses raised to what the adapter allows.
 *
 * @throws GraftError `engine-no-adapter` if there is none
 */
export async function openDevice(gpu: GPU, options: DeviceOptions = {}): Promise<Device> {
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
  const requiredLimits: Record<string, number> = {};
  for (const limit of RAISED_LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const device = await adapter.requestDevice({
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits,
    label: 'graft',
  });
  const { vendor, architecture, description } = adapter.info;
  return new Device(device, { vendor, architecture, description }, options);
}

/**
 * A WebGPU device with raised limits, a cache of pipelines, and loud failures: a lost device or an error that nobody captured is
 * kept and thrown by the next call, never swallowed.
 */
import { GraftError, messageOf } from '../errors.ts';
import { shaderCode } from './shader.ts';
import type { Dispatch } from './tape.ts';
import type { Target } from './target.ts';
import { Storage, Tensor, byteLength, type DType } from './tensor.ts';
import { defaultTuning, type Tuning } from './tuning.ts';

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
}

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
  readonly limits: GPUSupportedLimits;
  readonly software: boolean;
  tuning: Tuning;
  /** Bytes of all buffers that exist now. */
  allocatedBytes = 0;
  #failure: GraftError | undefined;
  #closed = false;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #losses = new Set<(error: GraftError) => void>();

  constructor(
    readonly gpu: GPUDevice,
    readonly adapter: AdapterDescription,
    tuning?: Tuning,
  ) {
    this.features = {
      f16: gpu.features.has('shader-f16'),
      subgroups: gpu.features.has('subgroups'),
      timestamps: gpu.features.has('timestamp-query'),
    };
    this.limits = gpu.limits;
    this.software = /swiftshader|llvmpipe/i.test(`${adapter.architecture} ${adapter.description}`);
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
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    if (size > this.limits.maxBufferSize) {
      throw new GraftError(
        'engine-buffer-size',
        `${label} needs a buffer of ${size} bytes, and this adapter allows ${this.limits.maxBufferSize}.`,
        'Use a smaller model, batch or length.',
      );
    }
    const buffer = this.gpu.createBuffer({ size, usage, label });
    this.allocatedBytes += buffer.size;
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.allocatedBytes -= buffer.size;
    buffer.destroy();
  }

  /** A tensor outside any plan, filled with `data` or zeros. */
  upload(shape: readonly number[], dtype: DType, label: string, data?: ArrayBufferView<ArrayBuffer>): Tensor {
    const storage = new Storage('external', byteLength(shape, dtype), label);
    storage.buffer = this.createBuffer(
      storage.bytes,
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      label,
    );
    if (data) this.write(storage.buffer, 0, data);
    return new Tensor(storage, shape, dtype);
  }

  /** Frees a tensor made by `upload`, after everything submitted has run. */
  free(tensor: Tensor): void {
    const { buffer } = tensor.storage;
    if (!buffer) return;
    tensor.storage.buffer = undefined;
    this.destroyBuffer(buffer);
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

  /** Copies `bytes` of a buffer to the host. Awaits the GPU: not for use inside a step. */
  async read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.check();
    const size = Math.ceil(bytes / 4) * 4;
    const staging = this.gpu.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      label: 'readback',
    });
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
    this.gpu.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ);
      this.check();
      return staging.getMappedRange().slice(0, bytes);
    } catch (error) {
      this.check();
      throw error;
    } finally {
      staging.destroy();
    }
  }

  /** The pipeline of a dispatch, compiled at most once per variant. */
  pipeline(dispatch: Dispatch): Promise<GPUComputePipeline> {
    const key = pipelineKey(dispatch);
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(dispatch, key);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** The layout of a dispatch's bindings: only those it names. */
  layout(dispatch: Dispatch): GPUBindGroupLayout {
    const entries = layoutEntries(dispatch);
    const key = JSON.stringify(entries);
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.gpu.createBindGroupLayout({ entries, label: dispatch.shader.name });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** Ends the device. Buffers are gone with it. */
  close(): void {
    this.#closed = true;
    this.#failure ??= new GraftError('engine-closed', 'The GPU device was closed.', 'Open it again.');
    this.gpu.destroy();
  }

  async #compile(dispatch: Dispatch, key: string): Promise<GPUComputePipeline> {
    const module = this.gpu.createShaderModule({
      code: shaderCode(dispatch.shader, dispatch.types, dispatch.subgroups),
      label: `${dispatch.shader.name}.wgsl`,
    });
    try {
      const pipeline = await this.gpu.createComputePipelineAsync({
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(dispatch)] }),
        compute: { module, entryPoint: dispatch.entry, constants: dispatch.constants },
        label: key,
      });
      await this.#warmUp(dispatch, pipeline);
      return pipeline;
    } catch (error) {
      this.check();
      throw new GraftError(
        'engine-shader',
        `${dispatch.shader.name}.wgsl does not compile on this adapter: ${messageOf(error)}`,
        'This is a defect in Graft; please report it with this text.',
        { cause: error },
      );
    }
  }

  /**
   * Runs a new pipeline once on nothing: many drivers compile only at the first dispatch (lavapipe takes up to a second for a matmul),
   * and that must not be the first step. All sizes in the parameters are zero, so that no kernel touches its dummy buffers.
   */
  async #warmUp(dispatch: Dispatch, pipeline: GPUComputePipeline): Promise<void> {
    const entries = layoutEntries(dispatch).map(({ binding, buffer }) => {
      const usage = buffer!.type === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
      return {
        binding,
        resource: { buffer: this.gpu.createBuffer({ size: WARM_UP_BYTES, usage, label: 'warm-up' }) },
      };
    });
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.gpu.createBindGroup({ layout: this.layout(dispatch), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    this.gpu.queue.submit([encoder.finish()]);
    await this.gpu.queue.onSubmittedWorkDone();
    for (const { resource } of entries) resource.buffer.destroy();
  }

  #fail(error: GraftError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const listener of this.#losses) listener(error);
    this.#losses.clear();
  }
}

/** Larger than any `struct Params`. */
const WARM_UP_BYTES = 256;

export function pipelineKey(dispatch: Dispatch): string {
  const { shader, entry, types, constants, subgroups } = dispatch;
  const sorted = (record: Readonly<Record<string, unknown>>): string =>
    Object.keys(record)
      .sort()
      .map((name) => `${name}=${record[name]}`)
      .join(',');
  return `${shader.name}:${entry}(${sorted(types)};${sorted(constants)}${subgroups ? ';subgroups' : ''};${[...dispatch.tensors.keys()].sort().join(',')})`;
}

function layoutEntries(dispatch: Dispatch): GPUBindGroupLayoutEntry[] {
  const types = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const;
  return dispatch.shader.bindings
    .filter(({ name, access }) => (access === 'uniform' && name === 'params') || dispatch.tensors.has(name))
    .map(({ index, access }) => ({
      binding: index,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: types[access] },
    }));
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
  return new Device(device, { vendor, architecture, description }, options.tuning);
}

/**
 * A `navigator.gpu` that keeps, for the first dispatch of each pipeline, its WGSL, what it read and what it wrote: another implementation of WebGPU can run
 * the same dispatch and compare.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, globals } from 'webgpu';

const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;

interface Binding {
  readonly binding: number;
  readonly type: GPUBufferBindingType;
  readonly before: GPUBuffer;
  /** What the dispatch may have written. */
  readonly after?: GPUBuffer;
}

interface Recorded {
  readonly label: string;
  readonly code: string;
  readonly entry: string;
  readonly workgroups: readonly number[];
  readonly bindings: readonly Binding[];
}

interface Group {
  readonly layout: readonly GPUBindGroupLayoutEntry[];
  readonly entries: readonly GPUBindGroupEntry[];
}

/** Dawn frees an instance without references while its devices are still in use. */
const instances: GPU[] = [];

export class RecordedGpu {
  readonly #recorded = new Map<string, Recorded>();
  readonly #modules = new Map<GPUShaderModule, string>();
  readonly #layouts = new Map<GPUBindGroupLayout, readonly GPUBindGroupLayoutEntry[]>();
  readonly #groups = new Map<GPUBindGroup, Group>();
  readonly #pipelines = new Map<GPUComputePipeline, { code: string; entry: string; label: string }>();
  #device: GPUDevice | undefined;

  /** @param name of an adapter, or a part of it @returns what `openDevice` takes */
  gpu(name: string): GPU {
    Object.assign(globalThis, globals);
    const gpu = create([`adapter=${name}`]);
    instances.push(gpu);
    return {
      requestAdapter: async (options?: GPURequestAdapterOptions) => {
        const adapter = await gpu.requestAdapter(options);
        if (!adapter) return null;
        const requestDevice = adapter.requestDevice.bind(adapter);
        return Object.defineProperty(adapter, 'requestDevice', {
          value: async (wanted?: GPUDeviceDescriptor) => this.#watch(await requestDevice(wanted)),
        });
      },
    } as unknown as GPU;
  }

  /**
   * Writes `index.json` and `data.bin`: for each pipeline its label, WGSL, entry point, number of workgroups, and for each binding its type and the place
   * (offset, bytes) of what it held before and, if it may be written, after.
   *
   * @returns how many pipelines there are
   */
  async write(folder: string): Promise<number> {
    const pieces: Uint8Array[] = [];
    let offset = 0;
    const keep = async (buffer: GPUBuffer): Promise<[offset: number, bytes: number]> => {
      await buffer.mapAsync(MAP_READ);
      const bytes = new Uint8Array(buffer.getMappedRange().slice(0));
      buffer.destroy();
      pieces.push(bytes);
      offset += bytes.length;
      return [offset - bytes.length, bytes.length];
    };
    const index = [];
    for (const { bindings, ...recorded } of this.#recorded.values()) {
      const kept = [];
      for (const { binding, type, before, after } of bindings)
        kept.push({ binding, type, before: await keep(before), after: after && (await keep(after)) });
      index.push({ ...recorded, bindings: kept });
    }
    writeFileSync(join(folder, 'data.bin'), Buffer.concat(pieces));
    writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
    return index.length;
  }

  #watch(device: GPUDevice): GPUDevice {
    this.#device = device;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) =>
      createBuffer({
        ...descriptor,
        usage: descriptor.usage & MAP_READ ? descriptor.usage : descriptor.usage | COPY_SRC,
      });
    const createShaderModule = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      const module = createShaderModule(descriptor);
      this.#modules.set(module, descriptor.code);
      return module;
    };
    const createBindGroupLayout = device.createBindGroupLayout.bind(device);
    device.createBindGroupLayout = (descriptor) => {
      const layout = createBindGroupLayout(descriptor);
      this.#layouts.set(layout, [...descriptor.entries]);
      return layout;
    };
    const createBindGroup = device.createBindGroup.bind(device);
    device.createBindGroup = (descriptor) => {
      const group = createBindGroup(descriptor);
      const layout = this.#layouts.get(descriptor.layout)!;
      this.#groups.set(group, { layout, entries: [...descriptor.entries] });
      return group;
    };
    const createPipeline = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = async (descriptor) => {
      const pipeline = await createPipeline(descriptor);
      const { module, entryPoint = 'main' } = descriptor.compute;
      const code = this.#modules.get(module)!;
      this.#pipelines.set(pipeline, { code, entry: entryPoint, label: descriptor.label ?? '' });
      return pipeline;
    };
    const createCommandEncoder = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = createCommandEncoder(descriptor);
      const beginComputePass = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = () => this.#pass(device, encoder, beginComputePass);
      return encoder;
    };
    return device;
  }

  /** A compute pass in pieces: around a dispatch that is kept stand copies. */
  #pass(
    device: GPUDevice,
    encoder: GPUCommandEncoder,
    begin: () => GPUComputePassEncoder,
  ): GPUComputePassEncoder {
    let pipeline: GPUComputePipeline | undefined;
    let group: GPUBindGroup | undefined;
    return {
      setPipeline: (wanted: GPUComputePipeline) => (pipeline = wanted),
      setBindGroup: (_: number, wanted: GPUBindGroup) => (group = wanted),
      dispatchWorkgroups: (...workgroups: [number, number?, number?]) => {
        const run = (): void => {
          const pass = begin();
          pass.setPipeline(pipeline!);
          pass.setBindGroup(0, group!);
          pass.dispatchWorkgroups(...workgroups);
          pass.end();
        };
        this.#record(device, encoder, pipeline!, this.#groups.get(group!)!, workgroups as number[], run);
      },
      end: () => undefined,
    } as unknown as GPUComputePassEncoder;
  }

  #record(
    device: GPUDevice,
    encoder: GPUCommandEncoder,
    pipeline: GPUComputePipeline,
    { layout, entries }: Group,
    workgroups: readonly number[],
    run: () => void,
  ): void {
    const { code, entry, label } = this.#pipelines.get(pipeline)!;
    const ranges = entries.map(({ resource }) => resource as GPUBufferBinding);
    // The first run of a pipeline, on nothing, shows nothing.
    const isWarmUp = ranges.some(({ buffer }) => buffer.label === 'warm-up');
    if (isWarmUp || this.#recorded.has(label)) {
      run();
      return;
    }
    const copy = ({ buffer, offset = 0, size = buffer.size - offset }: GPUBufferBinding): GPUBuffer => {
      const kept = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
      encoder.copyBufferToBuffer(buffer, offset, kept, 0, size);
      return kept;
    };
    const before = ranges.map(copy);
    run();
    const bindings = entries.map(({ binding }, i): Binding => {
      const type = layout.find((each) => each.binding === binding)!.buffer!.type!;
      return { binding, type, before: before[i], ...(type === 'storage' && { after: copy(ranges[i]) }) };
    });
    this.#recorded.set(label, { label, code, entry, workgroups, bindings });
  }

  /** Waits until everything that was asked is done. */
  async settle(): Promise<void> {
    await this.#device?.queue.onSubmittedWorkDone();
  }
}

/**
 * A plan: a tape compiled to a flat list of dispatches with pipelines, bind groups and buffers fixed. Running it allocates, compiles
 * and awaits nothing.
 */
import { GraftError } from '../errors.ts';
import { pipelineKey, type Device } from './device.ts';
import { dropDead, planMemory, type MemoryPlan } from './memory.ts';
import type { Dispatch, Tape } from './tape.ts';
import type { Target } from './target.ts';
import type { Storage, Tensor } from './tensor.ts';

/** What a plan will need, known before anything is allocated. */
export interface PlanSize {
  readonly dispatches: readonly Dispatch[];
  readonly memory: MemoryPlan;
  /** Bytes of inputs and outputs that keep their memory. */
  readonly pinnedBytes: number;
  /** All that the plan allocates: transient slots, pinned storages, parameters of the dispatches. */
  readonly peakBytes: number;
  /** The least that any plan of these dispatches could do with. */
  readonly minimumBytes: number;
}

const UNIFORM_ALIGNMENT = 256;

/**
 * Measures a tape without a GPU.
 *
 * @throws GraftError `engine-binding-size` if a tensor is larger than the target can bind
 */
export function sizePlan(tape: Tape): PlanSize {
  const dispatches = dropDead(tape.dispatches);
  const pinned = new Set<Storage>();
  for (const dispatch of dispatches) {
    for (const tensor of dispatch.tensors.values()) {
      checkBinding(tape.target, tensor, dispatch);
      if (tensor.storage.kind === 'pinned') pinned.add(tensor.storage);
    }
  }
  const memory = planMemory(dispatches);
  const uniformBytes =
    dispatches.filter((dispatch) => dispatch.shader.params.length > 0).length * UNIFORM_ALIGNMENT;
  const pinnedBytes = [...pinned].reduce((sum, storage) => sum + storage.bytes, 0);
  return {
    dispatches,
    memory,
    pinnedBytes,
    peakBytes: memory.transientBytes + pinnedBytes + uniformBytes,
    minimumBytes: memory.minimumBytes + pinnedBytes + uniformBytes,
  };
}

function checkBinding(target: Target, tensor: Tensor, dispatch: Dispatch): void {
  const limit = target.limits.maxStorageBufferBindingSize;
  if (tensor.bytes > limit) {
    throw new GraftError(
      'engine-binding-size',
      `${tensor.label} [${tensor.shape.join(', ')}] needs ${tensor.bytes} bytes in ${dispatch.shader.name}, and this adapter binds at most ${limit}.`,
      'Use a shorter length, a smaller batch or half precision.',
    );
  }
}

/** GPU buffers for the slots of plans that never run at the same time: each plan takes the same ones. */
export class BufferPool {
  readonly #buffers: GPUBuffer[] = [];

  constructor(readonly device: Device) {}

  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** One buffer for each size, none given twice. The pool grows where it has too few or too small ones. */
  take(sizes: readonly number[]): GPUBuffer[] {
    const free = [...this.#buffers].sort((a, b) => a.size - b.size);
    const taken = new Array<GPUBuffer>(sizes.length);
    const largestFirst = sizes.map((_, index) => index).sort((a, b) => sizes[b] - sizes[a]);
    for (const index of largestFirst) {
      const fit = free.findIndex((buffer) => buffer.size >= sizes[index]);
      if (fit >= 0) {
        [taken[index]] = free.splice(fit, 1);
      } else {
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
        taken[index] = this.device.createBuffer(sizes[index], usage, `slot ${this.#buffers.length}`);
        this.#buffers.push(taken[index]);
      }
    }
    return taken;
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) this.device.destroyBuffer(buffer);
  }
}

interface Command {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: readonly [number, number, number];
}

/** Called while pipelines are compiled: `done` of `total`. */
export type CompileProgress = (done: number, total: number) => void;

export class Plan {
  #destroyed = false;

  private constructor(
    readonly device: Device,
    readonly size: PlanSize,
    /** Commands in groups; each group is one submit. */
    private readonly groups: readonly (readonly Command[])[],
    private readonly pinned: ReadonlyMap<Storage, GPUBuffer>,
    private readonly uniforms: GPUBuffer,
  ) {}

  /** Compiles a tape: pipelines asynchronously, buffers from `pool`, bind groups once. */
  static async compile(device: Device, tape: Tape, pool: BufferPool): Promise<Plan> {
    const size = sizePlan(tape);
    const pipelines = await compilePipelines(device, size.dispatches);
    device.check();

    const slots = pool.take(size.memory.slots);
    const pinned = new Map<Storage, GPUBuffer>();
    const bufferOf = (tensor: Tensor): GPUBuffer => {
      const { storage } = tensor;
      if (storage.kind === 'external') {
        if (!storage.buffer) throw new Error(`${storage.label} is not on the device`);
        return storage.buffer;
      }
      const slot = size.memory.slotOf.get(storage);
      if (slot !== undefined) return slots[slot];
      let buffer = pinned.get(storage);
      if (!buffer) {
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
        pinned.set(storage, (buffer = device.createBuffer(storage.bytes, usage, storage.label)));
      }
      return buffer;
    };

    const uniformBytes = Math.max(1, size.dispatches.length) * UNIFORM_ALIGNMENT;
    const uniforms = device.createBuffer(
      uniformBytes,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      'parameters of the dispatches',
    );
    const data = new DataView(new ArrayBuffer(uniformBytes));
    const commands = size.dispatches.map((dispatch, index): Command => {
      const at = index * UNIFORM_ALIGNMENT;
      dispatch.shader.params.forEach(({ name, type }, field) => {
        const value = dispatch.params[name];
        if (type === 'f32') data.setFloat32(at + field * 4, value, true);
        else if (type === 'u32') data.setUint32(at + field * 4, value, true);
        else data.setInt32(at + field * 4, value, true);
      });
      const entries: GPUBindGroupEntry[] = [];
      for (const { name, index: binding, access } of dispatch.shader.bindings) {
        const tensor = dispatch.tensors.get(name);
        if (tensor) {
          entries.push({
            binding,
            resource: { buffer: bufferOf(tensor), offset: tensor.offset, size: Math.max(4, tensor.bytes) },
          });
        } else if (access === 'uniform' && name === 'params') {
          const bytes = Math.ceil((dispatch.shader.params.length * 4) / 16) * 16;
          entries.push({ binding, resource: { buffer: uniforms, offset: at, size: bytes } });
        }
      }
      return {
        pipeline: pipelines.get(pipelineKey(dispatch))!,
        bindGroup: device.gpu.createBindGroup({
          layout: device.layout(dispatch),
          entries,
          label: dispatch.shader.name,
        }),
        workgroups: dispatch.workgroups,
      };
    });
    device.write(uniforms, 0, new Uint8Array(data.buffer));
    device.check();
    return new Plan(
      device,
      size,
      splitSubmits(size.dispatches, commands, device.tuning.flopsPerSubmit),
      pinned,
      uniforms,
    );
  }

  /** Submits of one run. */
  get submits(): number {
    return this.groups.length;
  }

  get pinnedBytes(): number {
    return [...this.pinned.values()].reduce((sum, buffer) => sum + buffer.size, this.uniforms.size);
  }

  /** Fills a pinned input, in order with `run`. One that nothing in the compiled plan reads is passed over. */
  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength > tensor.bytes)
      throw new Error(`${tensor.label}: ${data.byteLength} bytes do not fit in ${tensor.bytes}`);
    const buffer = this.pinned.get(tensor.storage);
    if (buffer) this.device.write(buffer, tensor.offset, data);
  }

  /** Reads a pinned output. Awaits the GPU. */
  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.device.read(this.bufferOf(tensor), tensor.offset, tensor.bytes);
  }

  /** The buffer of a pinned or external tensor, for copies on the GPU. */
  bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = tensor.storage.buffer ?? this.pinned.get(tensor.storage);
    if (!buffer) throw new Error(`${tensor.label} has no memory of its own in this plan`);
    return buffer;
  }

  /**
   * Replays the plan.
   *
   * @param before recorded ahead of the first dispatch, in its submit: clears and copies
   * @param after recorded behind the last dispatch, in its submit
   */
  run(before?: (encoder: GPUCommandEncoder) => void, after?: (encoder: GPUCommandEncoder) => void): void {
    if (this.#destroyed) throw new Error('This plan was destroyed');
    this.device.check();
    this.groups.forEach((group, index) => {
      const encoder = this.device.gpu.createCommandEncoder();
      if (index === 0) before?.(encoder);
      const pass = encoder.beginComputePass();
      for (const command of group) {
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.bindGroup);
        pass.dispatchWorkgroups(...command.workgroups);
      }
      pass.end();
      if (index === this.groups.length - 1) after?.(encoder);
      this.device.gpu.queue.submit([encoder.finish()]);
    });
  }

  /** Frees what is the plan's own; the pool's buffers stay. Call after the GPU has settled. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const buffer of this.pinned.values()) this.device.destroyBuffer(buffer);
    this.device.destroyBuffer(this.uniforms);
  }
}

/** Compiles what several tapes need, under one count of progress: plans of them find their pipelines ready. */
export async function preparePipelines(
  device: Device,
  tapes: readonly Tape[],
  onProgress: CompileProgress,
): Promise<void> {
  await compilePipelines(device, tapes.map(({ dispatches }) => dropDead(dispatches)).flat(), onProgress);
}

async function compilePipelines(
  device: Device,
  dispatches: readonly Dispatch[],
  onProgress?: CompileProgress,
): Promise<Map<string, GPUComputePipeline>> {
  const variants = new Map<string, Dispatch>();
  for (const dispatch of dispatches) variants.set(pipelineKey(dispatch), dispatch);
  const pipelines = new Map<string, GPUComputePipeline>();
  await Promise.all(
    [...variants].map(async ([key, dispatch]) => {
      pipelines.set(key, await device.pipeline(dispatch));
      onProgress?.(pipelines.size, variants.size);
    }),
  );
  return pipelines;
}

function splitSubmits(dispatches: readonly Dispatch[], commands: Command[], budget: number): Command[][] {
  const groups: Command[][] = [[]];
  let flops = 0;
  commands.forEach((command, index) => {
    if (flops > 0 && flops + dispatches[index].flops > budget) {
      groups.push([]);
      flops = 0;
    }
    flops += dispatches[index].flops;
    groups[groups.length - 1].push(command);
  });
  return groups;
}

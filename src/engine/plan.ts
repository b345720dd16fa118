/**
 * A plan: a tape compiled to a flat list of dispatches with pipelines, bind groups and buffers fixed. Running it allocates, compiles
 * and awaits nothing.
 */
import type { Device } from './device.ts';
import { dropDead } from './memory.ts';
import { pipelineKey } from './pipelines.ts';
import type { Dispatch, Tape } from './tape.ts';
import { checkSize, sizePlan, UNIFORM_ALIGNMENT, uniformBytesOf, type PlanSize } from './size.ts';
import type { Storage, Tensor } from './tensor.ts';
import { STORAGE_USAGE, UNIFORM_USAGE } from './usage.ts';

/** Slots of a pool that a plan has taken, until it gives them back. */
export interface Lease {
  readonly buffers: readonly GPUBuffer[];
  /** Frees what no other plan has taken. Call after the GPU has settled. */
  release(): void;
}

/** GPU buffers for the slots of plans that never run at the same time: each plan takes the same ones. */
export class BufferPool {
  /** With the number of plans that have each. */
  readonly #users = new Map<GPUBuffer, number>();

  constructor(readonly device: Device) {}

  get bytes(): number {
    return [...this.#users.keys()].reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** One buffer for each size, none given twice. The pool grows where it has too few or too small ones. */
  take(sizes: readonly number[]): Lease {
    const free = [...this.#users.keys()].sort((a, b) => a.size - b.size);
    const buffers = new Array<GPUBuffer>(sizes.length);
    const largestFirst = sizes.map((_, index) => index).sort((a, b) => sizes[b] - sizes[a]);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      for (const buffer of buffers) this.#giveBack(buffer);
    };
    try {
      for (const index of largestFirst) {
        const fit = free.findIndex((buffer) => buffer.size >= sizes[index]);
        const [buffer] =
          fit >= 0
            ? free.splice(fit, 1)
            : [this.device.createBuffer(sizes[index], STORAGE_USAGE, `slot ${this.#users.size}`)];
        buffers[index] = buffer;
        this.#users.set(buffer, (this.#users.get(buffer) ?? 0) + 1);
      }
    } catch (error) {
      release();
      throw error;
    }
    return { buffers, release };
  }

  destroy(): void {
    for (const buffer of this.#users.keys()) this.device.destroyBuffer(buffer);
    this.#users.clear();
  }

  #giveBack(buffer: GPUBuffer | undefined): void {
    // A pool that was destroyed has nothing to be given back.
    const users = buffer && this.#users.get(buffer);
    if (!buffer || users === undefined) return;
    if (users > 1) {
      this.#users.set(buffer, users - 1);
    } else {
      this.#users.delete(buffer);
      this.device.destroyBuffer(buffer);
    }
  }
}

/** A dispatch that is bound to its pipeline and its buffers. */
export interface Command {
  readonly dispatch: Dispatch;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** Puts a command into a pass. */
export function encodeCommand(pass: GPUComputePassEncoder, { dispatch, pipeline, bindGroup }: Command): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
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
    private readonly memory: PlanMemory,
  ) {}

  /**
   * Compiles a tape: pipelines asynchronously, buffers from `pool`, bind groups once.
   *
   * @throws GraftError `engine-binding-size`, `engine-dispatch-size`, `engine-buffer-size`, `engine-shader`, and as `Device.check`
   */
  static async compile(device: Device, tape: Tape, pool: BufferPool): Promise<Plan> {
    const size = sizePlan(tape);
    if (!device.paper) checkSize(size, device);
    const pipelines = await compilePipelines(device, size.dispatches);
    device.check();
    const memory = allocate(device, size, pool);
    const commands = encode(device, size.dispatches, pipelines, memory);
    device.check();
    return new Plan(device, size, splitSubmits(commands, device.tuning.flopsPerSubmit), memory);
  }

  /** All commands, in order: for measurements. */
  get commands(): readonly Command[] {
    return this.groups.flat();
  }

  /** Submits of one run. */
  get submits(): number {
    return this.groups.length;
  }

  /** Bytes of the inputs and outputs, which are this plan's own. */
  get pinnedBytes(): number {
    return [...this.memory.pinned.values()].reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** Bytes of the parameters of the dispatches. */
  get uniformBytes(): number {
    return this.memory.uniforms.size;
  }

  /** Fills a pinned input, in order with `run`. One that nothing in the compiled plan reads is passed over. */
  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength > tensor.bytes)
      throw new Error(`${tensor.label}: ${data.byteLength} bytes do not fit in ${tensor.bytes}`);
    const buffer = this.memory.pinned.get(tensor.storage);
    if (buffer) this.device.write(buffer, tensor.offset, data);
  }

  /** Reads a pinned output. Awaits the GPU. */
  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.device.read(this.bufferOf(tensor), tensor.offset, tensor.bytes);
  }

  /** The buffer of a pinned or external tensor, for copies on the GPU. */
  bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = tensor.storage.buffer ?? this.memory.pinned.get(tensor.storage);
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
      for (const command of group) encodeCommand(pass, command);
      pass.end();
      if (index === this.groups.length - 1) after?.(encoder);
      this.device.gpu.queue.submit([encoder.finish()]);
    });
  }

  /** Frees what is the plan's own, and in the pool what no other plan uses. Call after the GPU has settled. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    free(this.device, this.memory);
  }
}

/** The buffers of a plan. */
interface PlanMemory {
  readonly size: PlanSize;
  readonly slots: Lease;
  readonly pinned: Map<Storage, GPUBuffer>;
  readonly uniforms: GPUBuffer;
}

function allocate(device: Device, size: PlanSize, pool: BufferPool): PlanMemory {
  const slots = pool.take(size.memory.slots);
  const pinned = new Map<Storage, GPUBuffer>();
  try {
    for (const storage of size.pinned)
      pinned.set(storage, device.createBuffer(storage.bytes, STORAGE_USAGE, storage.label));
    const uniformBytes = uniformBytesOf(size.dispatches.length);
    const uniforms = device.createBuffer(uniformBytes, UNIFORM_USAGE, 'parameters of the dispatches');
    return { size, slots, pinned, uniforms };
  } catch (error) {
    for (const buffer of pinned.values()) device.destroyBuffer(buffer);
    slots.release();
    throw error;
  }
}

function free(device: Device, { slots, pinned, uniforms }: PlanMemory): void {
  for (const buffer of pinned.values()) device.destroyBuffer(buffer);
  device.destroyBuffer(uniforms);
  slots.release();
}

/** Writes the parameters of the dispatches, and binds each to its buffers. */
function encode(
  device: Device,
  dispatches: readonly Dispatch[],
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  { size, slots, pinned, uniforms }: PlanMemory,
): Command[] {
  const bufferOf = ({ storage }: Tensor): GPUBuffer => {
    const slot = size.memory.slotOf.get(storage);
    const buffer = slot === undefined ? (pinned.get(storage) ?? storage.buffer) : slots.buffers[slot];
    if (!buffer) throw new Error(`${storage.label} is not on the device`);
    return buffer;
  };
  const data = new DataView(new ArrayBuffer(uniforms.size));
  const commands = dispatches.map((dispatch, index): Command => {
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
      dispatch,
      pipeline: pipelines.get(pipelineKey(dispatch))!,
      bindGroup: device.gpu.createBindGroup({
        layout: device.layout(dispatch),
        entries,
        label: dispatch.shader.name,
      }),
    };
  });
  device.write(uniforms, 0, new Uint8Array(data.buffer));
  return commands;
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

/** Commands in groups of about `budget` operations: see `Tuning.flopsPerSubmit`. */
export function splitSubmits(commands: readonly Command[], budget: number): Command[][] {
  const groups: Command[][] = [[]];
  let flops = 0;
  for (const command of commands) {
    const { flops: more } = command.dispatch;
    if (flops > 0 && flops + more > budget) {
      groups.push([]);
      flops = 0;
    }
    flops += more;
    groups[groups.length - 1].push(command);
  }
  return groups;
}

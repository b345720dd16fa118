/** A plan on a GPU: dispatches with pipelines, bind groups and buffers fixed. */
import type { CompileProgress } from '../device.ts';
import type { Plan, ReplayOptions } from '../plan.ts';
import { MemoryPool, type Lease, type Pool } from '../pool.ts';
import { sizePlan, type PlanSize } from '../size.ts';
import type { Tape } from '../tape.ts';
import type { Storage, Tensor } from '../tensor.ts';
import type { GpuDevice } from './device.ts';
import { parameterBytes, type Dispatch } from './dispatch.ts';
import { checkSize } from './limits.ts';
import { alignedParameters } from './lowering.ts';
import { submitsOf } from './pace.ts';
import { pipelineKey } from './pipelines.ts';
import { GpuStagingSlot } from './staging.ts';
import { UNIFORM_USAGE } from './usage.ts';

/** A dispatch that is bound to its pipeline and its buffers. */
export interface BoundDispatch {
  readonly dispatch: Dispatch;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** Puts a dispatch into a pass. */
export function encodeDispatch(
  pass: GPUComputePassEncoder,
  { dispatch, pipeline, bindGroup }: BoundDispatch,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...dispatch.size);
}

export class GpuPlan implements Plan {
  #destroyed = false;
  /** Full submits of a run, by the tuning. */
  readonly #fullSubmits: number;
  /** Dispatches in groups; each group is one submit. */
  #groups: readonly (readonly BoundDispatch[])[];
  /** The speed for which they were made. */
  #slowness: number;

  private constructor(
    readonly device: GpuDevice,
    readonly size: PlanSize<Dispatch>,
    /** All dispatches, in order. */
    readonly bound: readonly BoundDispatch[],
    private readonly memory: PlanMemory,
  ) {
    this.#slowness = device.slowness;
    this.#groups = splitBound(device, bound);
    this.#fullSubmits = size.commands.reduce((sum, command) => sum + submitsOf(command, device.tuning), 0);
  }

  /** Compiles a tape: pipelines asynchronously, buffers from `pool`, bind groups once. See `Device.compile`. */
  static async compile(device: GpuDevice, tape: Tape, pool: Pool): Promise<GpuPlan> {
    const size = sizePlan(tape, device.lowering);
    checkSize(size, device);
    const pipelines = await compilePipelines(device, size.commands);
    device.check();
    const memory = allocate(device, size, pool);
    const bound = bind(device, size.commands, pipelines, memory);
    device.check();
    return new GpuPlan(device, size, bound, memory);
  }

  get submits(): number {
    return this.#groups.length;
  }

  get pinnedBytes(): number {
    return [...this.memory.pinned.values()].reduce((sum, buffer) => sum + buffer.size, 0);
  }

  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength > tensor.bytes)
      throw new Error(`${tensor.label}: ${data.byteLength} bytes do not fit in ${tensor.bytes}`);
    const buffer = this.memory.pinned.get(tensor.storage);
    if (buffer) this.device.writeBuffer(buffer, tensor.offset, data);
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.device.readBuffer(this.#bufferOf(tensor), tensor.offset, tensor.bytes);
  }

  run({ clear = [], stage }: ReplayOptions = {}): void {
    if (this.#destroyed) throw new Error('This plan was destroyed');
    this.device.check();
    const { pace, slowness } = this.device;
    if (this.#slowness !== slowness) {
      this.#slowness = slowness;
      this.#groups = splitBound(this.device, this.bound);
    }
    this.#groups.forEach((group, index) => {
      const encoder = this.device.gpu.createCommandEncoder();
      if (index === 0)
        for (const tensor of clear) encoder.clearBuffer(this.#bufferOf(tensor), tensor.offset, tensor.bytes);
      const pass = encoder.beginComputePass();
      for (const bound of group) encodeDispatch(pass, bound);
      pass.end();
      if (stage && index === this.#groups.length - 1) {
        if (!(stage.slot instanceof GpuStagingSlot)) throw new Error('This slot belongs to another device');
        stage.slot.copyFrom(encoder, this.#bufferOf(stage.tensor));
      }
      this.device.gpu.queue.submit([encoder.finish()]);
    });
    pace.submitted(this.#fullSubmits);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    free(this.device, this.memory);
  }

  /** The buffer of a pinned or uploaded tensor. */
  #bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = this.device.memoryOf(tensor.storage) ?? this.memory.pinned.get(tensor.storage);
    if (!buffer) throw new Error(`${tensor.label} has no memory of its own in this plan`);
    return buffer;
  }
}

/** The buffers of a plan. */
interface PlanMemory {
  readonly size: PlanSize<Dispatch>;
  readonly slots: Lease<GPUBuffer>;
  readonly pinned: Map<Storage, GPUBuffer>;
  readonly uniforms: GPUBuffer;
}

function allocate(device: GpuDevice, size: PlanSize<Dispatch>, pool: Pool): PlanMemory {
  if (!(pool instanceof MemoryPool)) throw new Error('This pool belongs to another device');
  const slots: Lease<GPUBuffer> = pool.take(size.memory.slots);
  const pinned = new Map<Storage, GPUBuffer>();
  try {
    for (const storage of size.pinned) pinned.set(storage, device.allocate(storage.bytes, storage.label));
    const uniformBytes = device.lowering.parameterBytes(size.commands);
    const uniforms = device.createBuffer(uniformBytes, UNIFORM_USAGE, 'parameters of the dispatches');
    return { size, slots, pinned, uniforms };
  } catch (error) {
    for (const buffer of pinned.values()) device.release(buffer);
    slots.release();
    throw error;
  }
}

function free(device: GpuDevice, { slots, pinned, uniforms }: PlanMemory): void {
  for (const buffer of pinned.values()) device.release(buffer);
  device.release(uniforms);
  slots.release();
}

/** Writes the parameters of the dispatches, and binds each to its buffers. */
function bind(
  device: GpuDevice,
  dispatches: readonly Dispatch[],
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  { size, slots, pinned, uniforms }: PlanMemory,
): BoundDispatch[] {
  const bufferOf = ({ storage }: Tensor): GPUBuffer => {
    const slot = size.memory.slotOf.get(storage);
    const buffer = slot === undefined ? (pinned.get(storage) ?? device.memoryOf(storage)) : slots.slots[slot];
    if (!buffer) throw new Error(`${storage.label} is not on the device`);
    return buffer;
  };
  const data = new DataView(new ArrayBuffer(uniforms.size));
  let next = 0;
  const bound = dispatches.map((dispatch): BoundDispatch => {
    const at = next;
    next += alignedParameters(dispatch);
    dispatch.shader.params.forEach(({ name, type }, field) => {
      const value = dispatch.params[name] ?? 0;
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
        entries.push({
          binding,
          resource: { buffer: uniforms, offset: at, size: parameterBytes(dispatch) },
        });
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
  device.writeBuffer(uniforms, 0, new Uint8Array(data.buffer));
  return bound;
}

/** Compiles the pipelines of some dispatches, each variant once. */
export async function compilePipelines(
  device: GpuDevice,
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

/** Bound dispatches in the groups that the lowering makes of them. */
export function splitBound(device: GpuDevice, bound: readonly BoundDispatch[]): BoundDispatch[][] {
  let at = 0;
  return device.lowering
    .split(
      bound.map(({ dispatch }) => dispatch),
      device.slowness,
    )
    .map(({ length }) => bound.slice(at, (at += length)));
}

/** A plan on a processor: commands with their arguments are written to memory once, and the threads run them from there. */
import type { Plan, ReplayOptions } from '../plan.ts';
import { MemoryPool, type Lease, type Pool } from '../pool.ts';
import { sizePlan, type PlanSize } from '../size.ts';
import type { Tape } from '../tape.ts';
import type { Storage, Tensor } from '../tensor.ts';
import { COMMAND_BYTES, HEADER_BYTES, type CpuCommand } from './command.ts';
import type { CpuDevice } from './device.ts';
import type { HeapPiece } from './heap.ts';
import { CpuStagingSlot } from './staging.ts';

export class CpuPlan implements Plan {
  #destroyed = false;

  private constructor(
    readonly device: CpuDevice,
    readonly size: PlanSize<CpuCommand>,
    private readonly memory: PlanMemory,
  ) {}

  /** Compiles a tape: memory from `pool`, and the program written once. See `Device.compile`. */
  static compile(device: CpuDevice, tape: Tape, pool: Pool): CpuPlan {
    device.check();
    const size = sizePlan(tape, device.lowering);
    const memory = allocate(device, size, pool);
    writeProgram(device, size.commands, memory);
    return new CpuPlan(device, size, memory);
  }

  readonly submits = 1;

  get pinnedBytes(): number {
    return [...this.memory.pinned.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Where the commands lie. */
  get program(): HeapPiece {
    return this.memory.program;
  }

  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength > tensor.bytes)
      throw new Error(`${tensor.label}: ${data.byteLength} bytes do not fit in ${tensor.bytes}`);
    const piece = this.memory.pinned.get(tensor.storage);
    if (piece) this.device.writePiece(piece, tensor.offset, data);
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.device.readPiece(this.#pieceOf(tensor), tensor.offset, tensor.bytes);
  }

  run({ clear = [], stage }: ReplayOptions = {}): void {
    if (this.#destroyed) throw new Error('This plan was destroyed');
    this.device.check();
    for (const tensor of clear)
      this.device.bytesOf(this.#pieceOf(tensor), tensor.offset, tensor.bytes).fill(0);
    this.device.runProgram(this.program.address, this.size.commands.length);
    if (!stage) return;
    if (!(stage.slot instanceof CpuStagingSlot)) throw new Error('This slot belongs to another device');
    stage.slot.copyFrom(this.#pieceOf(stage.tensor));
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    free(this.device, this.memory);
  }

  /** The memory of a pinned or uploaded tensor. */
  #pieceOf(tensor: Tensor): HeapPiece {
    const piece = this.device.memoryOf(tensor.storage) ?? this.memory.pinned.get(tensor.storage);
    if (!piece) throw new Error(`${tensor.label} has no memory of its own in this plan`);
    return piece;
  }
}

/** The memory of a plan. */
interface PlanMemory {
  readonly slots: Lease<HeapPiece>;
  readonly slotOf: ReadonlyMap<Storage, number>;
  readonly pinned: Map<Storage, HeapPiece>;
  readonly program: HeapPiece;
}

function allocate(device: CpuDevice, size: PlanSize<CpuCommand>, pool: Pool): PlanMemory {
  if (!(pool instanceof MemoryPool)) throw new Error('This pool belongs to another device');
  const slots: Lease<HeapPiece> = pool.take(size.memory.slots);
  const pinned = new Map<Storage, HeapPiece>();
  try {
    for (const storage of size.pinned) {
      const piece = device.allocate(storage.bytes, storage.label);
      pinned.set(storage, piece);
      device.bytesOf(piece, 0, piece.size).fill(0);
    }
    const bytes = device.lowering.parameterBytes(size.commands);
    const program = device.allocate(bytes, 'commands');
    return { slots, slotOf: size.memory.slotOf, pinned, program };
  } catch (error) {
    for (const piece of pinned.values()) device.release(piece);
    slots.release();
    throw error;
  }
}

function free(device: CpuDevice, { slots, pinned, program }: PlanMemory): void {
  for (const piece of pinned.values()) device.release(piece);
  device.release(program);
  slots.release();
}

/** Writes the commands with the addresses of their tensors. */
function writeProgram(
  device: CpuDevice,
  commands: readonly CpuCommand[],
  { slots, slotOf, pinned, program }: PlanMemory,
): void {
  const addressOf = ({ storage, offset }: Tensor): number => {
    const slot = slotOf.get(storage);
    const piece = slot === undefined ? (pinned.get(storage) ?? device.memoryOf(storage)) : slots.slots[slot];
    if (!piece) throw new Error(`${storage.label} is not on the device`);
    return piece.address + offset;
  };
  const { buffer, byteOffset, byteLength } = device.bytesOf(program, 0, program.size);
  const data = new DataView(buffer, byteOffset, byteLength);
  commands.forEach(({ file, kernel, tensors, params, units, grain }, index) => {
    const at = index * COMMAND_BYTES;
    [device.indexOf(kernel), units, grain, 0].forEach((word, i) => data.setUint32(at + 4 * i, word, true));
    file.fields.forEach(({ name, type }, field) => {
      const to = at + HEADER_BYTES + 4 * field;
      if (type === 'f32') data.setFloat32(to, params[name], true);
      else if (type === 'i32') data.setInt32(to, params[name], true);
      else if (type === 'u32') data.setUint32(to, params[name], true);
      else {
        const tensor = tensors.get(name);
        data.setUint32(to, tensor ? addressOf(tensor) : 0, true);
      }
    });
  });
}

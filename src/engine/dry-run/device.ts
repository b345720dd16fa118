/**
 * A dry run: a device that allocates, compiles and computes nothing, and counts. A run that is set up on it takes the code paths of a real one, so
 * that what it counts is what a real device allocates, to the byte.
 */
import { AccountedDevice } from '../accounted-device.ts';
import type { CompileProgress, Device } from '../device.ts';
import type { Lowering } from '../lowering.ts';
import type { Plan } from '../plan.ts';
import { MemoryPool, type Lease, type Memory, type Pool } from '../pool.ts';
import type { Profile } from '../profile.ts';
import { sizePlan, type PlanSize } from '../size.ts';
import { STAGING_BUFFERS, type StagingRing } from '../staging.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

export class DryRunDevice extends AccountedDevice<Memory> implements Device {
  readonly adapter = { vendor: '', architecture: '', description: 'dry run' };
  readonly features: Device['features'];
  readonly limits: Device['limits'];
  readonly software: boolean;

  /** @param lowering of the backend that the run is for. Its limits decide the layout; what exceeds them is not refused */
  constructor(readonly lowering: Lowering) {
    super(lowering.deviceBytes);
    ({ features: this.features, limits: this.limits, software: this.software } = lowering.target);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  catchUp(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // There is nothing behind it.
  }

  write(): void {
    // Values are not kept.
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return Promise.reject(new Error(`A dry run has no values of ${tensor.label}`));
  }

  copy(): void {
    // Values are not kept.
  }

  createStaging(bytes: number, what: string): StagingRing {
    const buffers = Array.from({ length: STAGING_BUFFERS }, (_, i) =>
      this.allocate(bytes, `staging of ${what} ${i}`),
    );
    return {
      next: () => ({ read: () => Promise.reject(new Error(`A dry run has no values of ${what}`)) }),
      destroy: () => buffers.forEach((buffer) => this.release(buffer)),
    };
  }

  /** Measures the plan; nothing is compiled. @throws Error for a pool that is not a `MemoryPool` */
  compile(tape: Tape, pool: Pool): Promise<Plan> {
    if (!(pool instanceof MemoryPool)) throw new Error('This pool belongs to another device');
    return Promise.resolve(new DryRunPlan(this, sizePlan(tape, this.lowering), pool));
  }

  prepare(_tapes: readonly Tape[], _onProgress: CompileProgress): Promise<void> {
    return Promise.resolve();
  }

  profile(): Promise<Profile> {
    return Promise.reject(new Error('A dry run takes no time that could be measured'));
  }

  replayMatmuls(): void {
    // Nothing is computed.
  }

  /** Counts memory as the backend would make it. */
  allocate(bytes: number, label: string): Memory {
    return this.account({ size: this.lowering.allocationBytes(bytes) }, label);
  }

  release(memory: Memory): void {
    this.discount(memory);
  }

  protected fill(): void {
    // Values are not kept.
  }
}

class DryRunPlan implements Plan {
  readonly #slots: Lease;
  readonly #pinned: readonly Memory[];
  readonly #parameters: Memory;

  constructor(
    private readonly device: DryRunDevice,
    readonly size: PlanSize,
    pool: MemoryPool<Memory>,
  ) {
    this.#slots = pool.take(size.memory.slots);
    this.#pinned = size.pinned.map(({ bytes, label }) => device.allocate(bytes, label));
    const bytes = device.lowering.parameterBytes(size.commands);
    this.#parameters = device.allocate(bytes, 'parameters of the commands');
  }

  get submits(): number {
    return this.device.lowering.split(this.size.commands).length;
  }

  get pinnedBytes(): number {
    return this.#pinned.reduce((sum, { size }) => sum + size, 0);
  }

  write(): void {
    // Values are not kept.
  }

  read(tensor: Tensor): Promise<ArrayBuffer> {
    return this.device.read(tensor);
  }

  run(): void {
    // Nothing is computed.
  }

  destroy(): void {
    for (const memory of this.#pinned) this.device.release(memory);
    this.device.release(this.#parameters);
    this.#slots.release();
  }
}

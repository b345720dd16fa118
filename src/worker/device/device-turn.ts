/** Turns on the GPU: one run has it while it trains or is about to; other work waits for its turn, or is refused meanwhile. */
import { GraftError } from '../../errors.ts';
import type { RunUpdate } from '../api.ts';
import type { Queue } from '../queue.ts';
import type { Session } from '../session.ts';
import { whileTraining } from './training-lock.ts';

export type Emit = (event: RunUpdate) => void;
type Request = 'pause' | 'stop' | 'cancel';

/** A run was withdrawn before it was on the GPU. */
export class Withdrawn extends Error {}

/** How a run that is about to start is withdrawn: a new one is cancelled, a resumed one stays paused. */
interface Beginning {
  readonly withdrawnBy: 'pause' | 'cancel';
  readonly controller: AbortController;
  readonly emit: Emit;
}

export class DeviceTurn {
  #busy = false;
  #request: Request | undefined;
  /** The run that is about to start. */
  #beginning: Beginning | undefined;

  constructor(
    private readonly session: Session,
    private readonly queue: Queue,
  ) {}

  /** Whether a run is trained, or about to be. */
  get busy(): boolean {
    return this.#busy;
  }

  /** The page's request to it. */
  get request(): Request | undefined {
    return this.#request;
  }

  /** Asks the run to rest or to end. A pause does not replace an earlier request. */
  ask(request: Request): void {
    if (request === 'pause') this.#request ??= request;
    else this.#request = request;
    const beginning = this.#beginning;
    if (beginning && beginning.withdrawnBy === this.#request) beginning.controller.abort(new Withdrawn());
  }

  /** Runs work in its turn in the queue. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.queue.run(work);
  }

  /** Work that needs the GPU, when its turn comes. @throws GraftError `worker-training` while a run has it and was not asked to pause */
  async withDevice<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy && !this.#request) {
      throw new GraftError(
        'worker-training',
        'A run is training.',
        'Pause the run first. It can be resumed later.',
      );
    }
    return this.queue.run(() => this.#explained(work));
  }

  /** Work of a run that can be withdrawn until {@link begun}. @throws Withdrawn, and as `train` */
  begin<T>(
    withdrawnBy: Beginning['withdrawnBy'],
    emit: Emit,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    return this.train(() => work(controller.signal), { withdrawnBy, controller, emit });
  }

  /** The run is on the GPU. */
  begun(): void {
    this.#beginning = undefined;
  }

  /** Work of a run, while no other one trains. @throws GraftError `worker-training`, `worker-other-tab`, and what `work` throws */
  async train<T>(work: () => Promise<T>, beginning?: Beginning): Promise<T> {
    if (this.#busy)
      throw new GraftError(
        'worker-training',
        'A run is training already.',
        'Pause, stop or discard it first.',
      );
    this.#busy = true;
    this.#request = undefined;
    this.#beginning = beginning;
    try {
      return await whileTraining(() => {
        if (this.queue.busy) beginning?.emit({ type: 'wait' });
        return this.queue.run(() => this.#explained(work), beginning?.controller.signal);
      });
    } finally {
      this.#busy = false;
      this.#request = undefined;
      this.#beginning = undefined;
    }
  }

  /** Work whose errors name the loss of the device, if that caused them. */
  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.session.reasonFor(error);
    }
  }
}

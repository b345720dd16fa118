/**
 * The threads of the CPU engine. The one that opened it is the first: it writes programs, and takes part in them. The others sleep until there is a
 * program. See kernels/threads.ts for how they share the work.
 */
import { GraftError } from '../../errors.ts';
import { SCRATCH_BYTES } from './command.ts';
import { FIRST_BYTES, type Heap } from './heap.ts';
import { CONTROL, endThreads, instantiate } from './serve.mjs';

/** What a thread is started with: the thread calls `serve` with it. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly scratch: number;
}

/** A thread next to the first. */
interface StartedThread {
  /** Ends it, even while it works. */
  end(): void;
}

/** How threads are started where the engine runs; resolves when the thread is about to call `serve`. */
export type StartThread = (start: ThreadStart, onFailure: (error: Error) => void) => Promise<StartedThread>;

export class Threads {
  readonly #thread: ReturnType<typeof instantiate>['thread'];
  readonly #places: ReadonlyMap<string, number>;
  #others: readonly StartedThread[] = [];
  #failure: Error | undefined;

  /** @param heap whose first pieces are the scratch memories of the threads */
  constructor(
    private readonly module: WebAssembly.Module,
    private readonly heap: Heap,
    readonly count: number,
  ) {
    const { thread, names } = instantiate(module, heap.memory);
    this.#thread = thread;
    this.#places = new Map(names.map((name, place) => [name, place]));
    for (let i = 0; i < count; i++) heap.take(SCRATCH_BYTES, 'scratch memory of the threads');
  }

  /** Starts all threads but the first. */
  async start(start: StartThread): Promise<void> {
    this.#others = await Promise.all(
      Array.from({ length: this.count - 1 }, (_, i) =>
        start(
          { module: this.module, memory: this.heap.memory, scratch: scratchOf(i + 1) },
          (error) => (this.#failure ??= error),
        ),
      ),
    );
  }

  /** The index of a kernel in the table. */
  placeOf(kernel: string): number {
    const place = this.#places.get(kernel);
    if (place === undefined) throw new Error(`The compiled kernels have no ${kernel}`);
    return place;
  }

  /**
   * Runs a program to its end.
   *
   * @throws GraftError `engine-cpu-thread`
   */
  run(program: number, count: number): void {
    this.#thread.begin(CONTROL, program, count);
    let why: unknown;
    try {
      if (this.#thread.work(CONTROL, scratchOf(0), 0) !== 0) return;
    } catch (error) {
      why = error;
    }
    this.end();
    throw new GraftError(
      'engine-cpu-thread',
      `A thread of the CPU engine failed: ${String(why ?? this.#failure ?? 'it ended')}`,
      'This is a defect in Graft; please report it with this text.',
    );
  }

  end(): void {
    endThreads(this.heap.memory);
    for (const thread of this.#others) thread.end();
    this.#others = [];
  }
}

function scratchOf(thread: number): number {
  return FIRST_BYTES + thread * SCRATCH_BYTES;
}

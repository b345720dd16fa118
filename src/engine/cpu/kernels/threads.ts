// How threads run a program: commands one after the other, each in parts that the threads take until none is left.
//
// Nobody waits for a thread that has taken nothing: a command is done when all of its units are, whoever did them. So a thread that the system delays
// costs no more than the part it is working on. Which thread takes which part is not determined, and must not matter: a kernel computes each of its
// units alone, in an order of sums that depends on nothing but the sizes.

/** A command as ../plan.ts writes it. Its arguments follow. */
@unmanaged
class Command {
  /** Index of the kernel in the table. */
  kernel: u32;
  units: u32;
  /** Units that a thread takes at once. */
  grain: u32;
  reserved: u32;
}

/** Size of a command with its arguments, and of what comes before them: COMMAND_BYTES and HEADER_BYTES in ../command.ts. */
const COMMAND_BYTES: usize = 192;
const HEADER_BYTES: usize = offsetof<Command>();

/** How threads communicate: FIELDS in ../serve.mjs. */
@unmanaged
class Control {
  /**
   * The next unit that no thread has taken, and the number of its command among all that ever ran. Both change at once, so a late thread that still
   * has the number of a finished command takes nothing.
   */
  unit: u32;
  turn: u32;
  /** Units of this command that are done. */
  done: u32;
  /** Not 0 once a thread has failed or the device was closed. */
  ended: u32;
  /** The program, the number of its first command, and how many it has. */
  program: usize;
  start: u32;
  count: u32;
}

/** Polls a number this often before it waits for a change: a command often ends within microseconds, and waking a thread takes as long. */
const GLANCES = 2000;
/** A unit that no command has, so that nothing is taken while the program changes. */
const CLOSED: u64 = 0xffffffff;
/** Nanoseconds after which a thread that waits within a program checks whether another has failed. */
const PATIENCE: i64 = 200_000_000;

/** Makes a program the current one of the threads. The previous one must be over. */
export function begin(control: Control, program: usize, count: u32): void {
  const base = changetype<usize>(control);
  const turn = atomic.load<u64>(base) >> 32;
  atomic.store<u64>(base, ((turn + 1) << 32) | CLOSED);
  control.program = program;
  control.start = <u32>turn + 2;
  control.count = count;
  atomic.store<u64>(base, (turn + 2) << 32);
  atomic.notify(base + offsetof<Control>('turn'), -1);
}

/**
 * Takes part in programs: until this one is over, or, with `forever`, until the threads have ended.
 *
 * @returns whether the program was run to its end
 */
export function work(control: Control, scratch: usize, forever: bool): bool {
  const base = changetype<usize>(control);
  const done = base + offsetof<Control>('done');
  while (true) {
    const ticket = atomic.load<u64>(base);
    const turn = <u32>(ticket >> 32);
    const unit = <u32>ticket;
    const index = turn - control.start;
    if (index >= control.count) {
      if (!forever) return true;
      if (!awaitTurn(control, turn, -1)) return false;
      continue;
    }
    const at = control.program + <usize>index * COMMAND_BYTES;
    const command = changetype<Command>(at);
    const units = command.units;
    if (unit < units) {
      const end = min(unit + command.grain, units);
      // Fails if another thread took it, or if a new command has begun since.
      if (atomic.cmpxchg<u64>(base, ticket, ((<u64>turn) << 32) | (<u64>end)) !== ticket) continue;
      call_indirect<void>(command.kernel, at + HEADER_BYTES, <i32>unit, <i32>end, scratch);
      if (atomic.add<u32>(done, end - unit) + (end - unit) === units) {
        atomic.store<u32>(done, 0);
        next(base, turn);
      }
    } else if (units === 0) {
      if (atomic.cmpxchg<u64>(base, ticket, ((<u64>turn) << 32) | CLOSED) === ticket && unit === 0)
        next(base, turn);
    } else if (!awaitTurn(control, turn, PATIENCE)) {
      return false;
    }
  }
}

/** Advances to the next command. */
function next(base: usize, turn: u32): void {
  atomic.store<u64>(base, (<u64>(turn + 1)) << 32);
  atomic.notify(base + offsetof<Control>('turn'), -1);
}

/** Waits for another command. @returns false if the threads have ended instead */
function awaitTurn(control: Control, turn: u32, patience: i64): bool {
  const base = changetype<usize>(control);
  const address = base + offsetof<Control>('turn');
  const ended = base + offsetof<Control>('ended');
  for (let glance = 0; glance < GLANCES; glance++) if (atomic.load<u32>(address) !== turn) return true;
  while (atomic.load<u32>(address) === turn) {
    if (atomic.load<u32>(ended) !== 0) return false;
    atomic.wait<i32>(address, <i32>turn, patience);
  }
  return atomic.load<u32>(ended) === 0;
}

// How threads run a program: commands one after the other, each in parts that the threads take until none is left.
//
// Which thread takes which part is not determined, and must not matter: a kernel computes each of its units alone, in an order of sums that
// depends on nothing but the sizes.

/** A command as ../plan.ts writes it. Its arguments follow. */
@unmanaged
class Command {
  /** Place of the kernel in the table. */
  kernel: u32;
  units: i32;
  /** Units that a thread takes at once. */
  grain: i32;
  /** The first unit that nobody has taken. */
  next: i32;
}

/** Size of a command with its arguments, and of what comes before them: COMMAND_BYTES and HEADER_BYTES in ../lowering.ts. */
const COMMAND_BYTES: usize = 192;
const HEADER_BYTES: usize = offsetof<Command>();

/** What threads tell each other: CONTROL in ../serve.mjs. */
@unmanaged
class Control {
  /** Counts programs: a thread that waits for work waits for this to change. */
  programs: i32;
  /** Not 0 once a thread has failed or the device was closed. */
  ended: i32;
  program: usize;
  count: i32;
  threads: i32;
  /** Threads that are done with the current command. */
  arrived: i32;
  /** Counts commands that all threads are done with. */
  commands: i32;
}

/** Looks at a number this often before it waits for it: a command often ends within microseconds, and waking a thread takes some. */
const GLANCES = 2000;
/** Nanoseconds after which a waiting thread looks whether another has failed. */
const PATIENCE: i64 = 200_000_000;

/** Runs a program together with all other threads. @returns whether it was run to its end */
export function work(control: Control, scratch: usize): bool {
  const threads = control.threads;
  let at = control.program;
  for (let left = control.count; left > 0; left--) {
    const command = changetype<Command>(at);
    const kernel = command.kernel;
    const units = command.units;
    const args = at + HEADER_BYTES;
    if (threads === 1) {
      call_indirect<void>(kernel, args, 0, units, scratch);
    } else {
      const grain = command.grain;
      const next = at + offsetof<Command>('next');
      for (let first = atomic.add<i32>(next, grain); first < units; first = atomic.add<i32>(next, grain))
        call_indirect<void>(kernel, args, first, min(first + grain, units), scratch);
      if (!meet(control, threads, next)) return false;
    }
    at += COMMAND_BYTES;
  }
  return true;
}

/** Waits until every thread is done with a command. The last one makes it ready to be run again. */
function meet(control: Control, threads: i32, next: usize): bool {
  const base = changetype<usize>(control);
  const commands = base + offsetof<Control>('commands');
  const before = atomic.load<i32>(commands);
  if (atomic.add<i32>(base + offsetof<Control>('arrived'), 1) === threads - 1) {
    atomic.store<i32>(next, 0);
    atomic.store<i32>(base + offsetof<Control>('arrived'), 0);
    atomic.add<i32>(commands, 1);
    atomic.notify(commands, -1);
    return true;
  }
  return awaitChange(control, commands, before);
}

/** Waits until the number at an address is another. @returns false if the threads have ended instead */
function awaitChange(control: Control, address: usize, before: i32): bool {
  for (let glance = 0; glance < GLANCES; glance++) if (atomic.load<i32>(address) !== before) return true;
  while (atomic.load<i32>(address) === before) {
    if (atomic.load<i32>(changetype<usize>(control) + offsetof<Control>('ended')) !== 0) return false;
    atomic.wait<i32>(address, before, PATIENCE);
  }
  return true;
}

/** Waits without end, at no cost, until a program is there. @returns false if the threads have ended instead */
export function awaitProgram(control: Control, before: i32): bool {
  const base = changetype<usize>(control);
  const programs = base + offsetof<Control>('programs');
  while (atomic.load<i32>(programs) === before) atomic.wait<i32>(programs, before, -1);
  return atomic.load<i32>(base + offsetof<Control>('ended')) === 0;
}

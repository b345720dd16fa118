// @ts-check
/**
 * A thread of the CPU engine: an instance of the kernels over the shared memory. Plain JavaScript, so that a bare worker of Node can
 * import it, without the hooks that make TypeScript run.
 */

/** The control words of the threads: Control in kernels/threads.ts. */
export const CONTROL = 8192;
const FIELDS = { unit: 0, turn: 1, done: 2, ended: 3, program: 4, start: 5, count: 6 };

/**
 * @typedef {object} Thread
 * @property {(control: number, program: number, count: number) => void} begin
 * @property {(control: number, scratch: number, forever: number) => number} work
 */

/**
 * Makes an instance of the kernels. Each kernel has the same index in the table of every thread: that of its export.
 *
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @returns {{ thread: Thread, names: string[] }} and the names of the table's functions, in their order
 */
export function instantiate(module, memory) {
  const names = WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);
  // The compiler keeps the first entry of the table empty.
  const table = new WebAssembly.Table({ initial: names.length + 1, element: 'anyfunc' });
  const { exports } = new WebAssembly.Instance(module, { env: { memory, table } });
  names.forEach((name, index) => table.set(index + 1, /** @type {any} */ (exports[name])));
  return { thread: /** @type {any} */ (exports), names: ['', ...names] };
}

/**
 * Takes part in programs until the device is closed. Blocks its thread, in sleep while there is nothing to do.
 *
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory, scratch: number }} start
 */
export function serve({ module, memory, scratch }) {
  try {
    instantiate(module, memory).thread.work(CONTROL, scratch, 1);
  } catch (error) {
    // The others must not wait for the part that this thread took.
    endThreads(memory);
    throw error;
  }
}

/** Ends all threads. @param {WebAssembly.Memory} memory */
export function endThreads(memory) {
  const control = new Int32Array(memory.buffer, CONTROL, Object.keys(FIELDS).length);
  Atomics.store(control, FIELDS.ended, 1);
  Atomics.notify(control, FIELDS.turn);
}

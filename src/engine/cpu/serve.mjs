// @ts-check
/**
 * What a thread of the CPU engine is: an instance of the kernels over the shared memory. Plain JavaScript, so that a bare worker of Node can
 * import it, without the hooks that make TypeScript run.
 */

/** Where threads tell each other about programs, and the size of each thread's scratch memory: see kernels/threads.ts and heap.ts. */
export const CONTROL = 8192;
export const FIELDS = { programs: 0, ended: 1, program: 2, count: 3, threads: 4, arrived: 5, commands: 6 };

/**
 * @typedef {object} Thread
 * @property {(control: number, scratch: number) => number} work
 * @property {(control: number, before: number) => number} awaitProgram
 */

/**
 * Makes an instance of the kernels. Each has its place in the instance's table, the same one in every thread: that of its export.
 *
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @returns {{ thread: Thread, names: string[] }} and the names of the table's functions, in their order
 */
export function instantiate(module, memory) {
  const names = WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);
  // The compiler keeps the first place of the table for nobody.
  const table = new WebAssembly.Table({ initial: names.length + 1, element: 'anyfunc' });
  const { exports } = new WebAssembly.Instance(module, { env: { memory, table } });
  names.forEach((name, index) => table.set(index + 1, /** @type {any} */ (exports[name])));
  return { thread: /** @type {any} */ (exports), names: ['', ...names] };
}

/**
 * Runs programs until the device is closed. Blocks its thread, in sleep while there is nothing to do.
 *
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory, scratch: number, programs: number }} start `programs`: how many there
 *   were when this thread was started
 */
export function serve({ module, memory, scratch, programs }) {
  const control = new Int32Array(memory.buffer, CONTROL, Object.keys(FIELDS).length);
  try {
    const { thread } = instantiate(module, memory);
    for (let before = programs; thread.awaitProgram(CONTROL, before); before++)
      if (!thread.work(CONTROL, scratch)) return;
  } catch (error) {
    // The others must not wait for this one.
    Atomics.store(control, FIELDS.ended, 1);
    Atomics.notify(control, FIELDS.commands);
    throw error;
  }
}

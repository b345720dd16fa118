/**
 * How often Dawn asks whether the GPU has ended. Its binding for Node asks by `setImmediate`, in every turn of the event loop, as long as
 * anything is awaited: that keeps a processor busy, which a software GPU needs itself. Here Dawn asks so for a moment, in which short
 * work of a real GPU ends, and then by a timer.
 */

/** Milliseconds for which Dawn asks in every turn, from when something new is awaited. */
export const BUSY_MS = 2;
/** Milliseconds between two questions after that: the shortest timer. */
export const PAUSE_MS = 1;

/** Dawn makes a function for each question. They are native and nameless, and what JavaScript gives to `setImmediate` is not. */
const isDawns = (callback: unknown): callback is () => void =>
  typeof callback === 'function' &&
  callback.name === '' &&
  Function.prototype.toString.call(callback) === 'function () { [native code] }';

/**
 * What stands for `setImmediate`, which Dawn looks up by its name for each question.
 *
 * @param immediate the one of Node, which gets everything else
 */
export function withPauses(immediate: typeof setImmediate): typeof setImmediate {
  let asking = false;
  let since = 0;
  const paused = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (!isDawns(callback)) return immediate(callback, ...args);
    const now = performance.now();
    // The next question of a wait is put while Dawn answers the one before. Another one begins a wait.
    if (!asking) since = now;
    const ask = (): void => {
      asking = true;
      try {
        callback();
      } finally {
        asking = false;
      }
    };
    return now - since < BUSY_MS ? immediate(ask) : setTimeout(ask, PAUSE_MS);
  };
  // With the form for promises that Node keeps on it.
  return Object.defineProperties(paused, Object.getOwnPropertyDescriptors(immediate)) as typeof setImmediate;
}

let done = false;

/** From now on Dawn asks seldom. */
export function askSeldom(): void {
  if (done) return;
  done = true;
  globalThis.setImmediate = withPauses(globalThis.setImmediate);
}

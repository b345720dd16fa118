/**
 * How often Dawn asks whether a software GPU has ended. Its binding for Node asks by `setImmediate`, in every turn of the event loop, as long as
 * anything is awaited: that keeps a processor busy, which a software GPU needs itself. Here Dawn asks so for a moment, in which short
 * work ends, and then by a timer. A real GPU is asked in every turn: with pauses, what is measured by waiting would be up to one of them late.
 */

/** Milliseconds for which Dawn asks in every turn, from when something new is awaited. */
export const BUSY_MS = 1;
/** Milliseconds between two questions after that: the shortest timer. */
export const PAUSE_MS = 1;

/** Whether Dawn gave this function to `setImmediate`: only a native binding gives one without a name. */
const isDawns = (callback: unknown): callback is () => void =>
  typeof callback === 'function' &&
  callback.name === '' &&
  Function.prototype.toString.call(callback) === 'function () { [native code] }';

/**
 * What stands for `setImmediate`, which Dawn looks up by its name for each question.
 *
 * @param immediate the one of Node, which gets everything else
 * @param later the timer, taken now: a test may replace the global one while a GPU works
 */
export function withPauses(immediate: typeof setImmediate, later = setTimeout): typeof setImmediate {
  let asking = false;
  let since = 0;
  const paused = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (!isDawns(callback)) return immediate(callback, ...args);
    const now = performance.now();
    // While Dawn answers it asks again, so that the same wait goes on. A question at any other time begins a new one.
    if (!asking) since = now;
    const ask = (): void => {
      asking = true;
      try {
        callback();
      } finally {
        asking = false;
      }
    };
    return now - since < BUSY_MS ? immediate(ask) : later(ask, PAUSE_MS);
  };
  // Node keeps the form for promises on the function (util.promisify).
  return Object.defineProperties(paused, Object.getOwnPropertyDescriptors(immediate)) as typeof setImmediate;
}

const often = setImmediate;
const seldom = withPauses(often);

/** From now on Dawn asks with pauses, or without. */
export function askWithPauses(pauses: boolean): void {
  globalThis.setImmediate = pauses ? seldom : often;
}

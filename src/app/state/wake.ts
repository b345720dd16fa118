/** Keeps the screen on, since a computer that falls asleep does not train. */

/** @returns a function that releases it */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let done = false;
  const take = (): void => {
    if (done || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    navigator.wakeLock.request('screen').then(
      (taken) => {
        if (done) void taken.release();
        else lock = taken;
      },
      // Refused, on a low battery for instance: the run continues as long as the computer is awake.
      () => undefined,
    );
  };
  // A hidden tab loses it.
  document.addEventListener('visibilitychange', take);
  take();
  return () => {
    done = true;
    document.removeEventListener('visibilitychange', take);
    void lock?.release();
  };
}

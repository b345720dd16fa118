/** One tab trains: a lock of the browser, which it also gives back when a tab crashes. */
import { GraftError } from '../errors.ts';

const NAME = 'graft-training';

export function otherTab(): GraftError {
  return new GraftError(
    'worker-other-tab',
    'Graft is training in another tab of this browser, and one GPU trains one run at a time.',
    'Pause or finish the run there; this tab can look, chat and evaluate meanwhile.',
  );
}

/** Works while holding the lock. @throws GraftError `worker-other-tab` if another tab holds it */
export function whileTraining<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
    if (!lock) throw otherTab();
    return work();
  }) as Promise<T>;
}

/** Whether a tab trains, this one included. */
export async function someTabTrains(): Promise<boolean> {
  const { held } = await navigator.locks.query();
  return held?.some(({ name }) => name === NAME) ?? false;
}

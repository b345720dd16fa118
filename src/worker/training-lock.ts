/**
 * One tab trains: a lock of the browser, which it also gives back when a tab crashes. The other tabs hear of it without asking again and
 * again: a channel says which runs change, and a second lock, which they wait for, says when training ends.
 */
import { GraftError } from '../errors.ts';

const TRAINING = 'graft-training';
/** A second lock of the tab that trains, for others to wait for. They take it only for a moment, which must not make taking `TRAINING` fail. */
const SEEN = 'graft-training-seen';
const CHANNEL = 'graft-runs';

export function otherTab(): GraftError {
  return new GraftError(
    'worker-other-tab',
    'Graft is training in another tab of this browser, and one device trains one run at a time.',
    'Pause or finish the run there; this tab can look, chat and evaluate meanwhile.',
  );
}

/** Works while holding the lock. @throws GraftError `worker-other-tab` if another tab holds it */
export function whileTraining<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(TRAINING, { ifAvailable: true }, (lock) => {
    if (!lock) throw otherTab();
    // Released first: a waiting tab can train at once.
    return navigator.locks.request(SEEN, work);
  }) as Promise<T>;
}

/** Whether a tab trains, this one included. */
export async function someTabTrains(): Promise<boolean> {
  const { held } = await navigator.locks.query();
  return held?.some(({ name, mode }) => name === SEEN && mode === 'exclusive') ?? false;
}

let channel: BroadcastChannel | undefined;
const openChannel = (): BroadcastChannel => (channel ??= new BroadcastChannel(CHANNEL));

/** Tells the other tabs that the record of a run has changed. */
export function tellTabs(): void {
  openChannel().postMessage('changed');
}

/**
 * Watches the other tabs for as long as this one lives.
 *
 * @param changed called when a run was saved, paused, ended or deleted in another tab, and when a tab that trained has closed or crashed
 */
export function watchTabs(changed: () => void): void {
  let waiting = false;
  const untilEnd = async (): Promise<void> => {
    if (waiting) return;
    waiting = true;
    while (await someTabTrains()) {
      await navigator.locks.request(SEEN, { mode: 'shared' }, () => undefined);
      changed();
    }
    waiting = false;
  };
  openChannel().onmessage = () => {
    changed();
    void untilEnd();
  };
  void untilEnd();
}

/**
 * One tab trains: a lock of the browser, which it also gives back when a tab crashes. The other tabs hear of it without asking again and
 * again: a channel says which runs change and what the one that trains does, and a second lock, which they wait for, says when training ends.
 */
import { GraftError } from '../../errors.ts';
import type { RunUpdate, RunNews } from '../api.ts';

const TRAINING = 'graft-training';
/** A second lock of the tab that trains, for others to wait for. They take it only for a moment, which must not make taking `TRAINING` fail. */
const SEEN = 'graft-training-seen';
const CHANNEL = 'graft-runs';

/** The error `worker-other-tab`, for the caller to throw. */
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

/** The other tabs hear of steps this often: more than a curve can show. */
const STEPS_EVERY_MS = 200;

let channel: BroadcastChannel | undefined;
const openChannel = (): BroadcastChannel => (channel ??= new BroadcastChannel(CHANNEL));

/** Tells the other tabs that the record of a run has changed. */
export function tellTabs(): void {
  openChannel().postMessage('changed');
}

/** @returns a listener to the events of a run, which passes them on and reports them to the other tabs */
export function withTabs(id: string, emit: (event: RunUpdate) => void): (event: RunUpdate) => void {
  let events: RunUpdate[] = [];
  let reportedAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const report = (): void => {
    clearTimeout(timer);
    timer = undefined;
    openChannel().postMessage({ id, events } satisfies RunNews);
    events = [];
    reportedAt = performance.now();
  };
  return (event) => {
    emit(event);
    events.push(event);
    const wait = reportedAt + STEPS_EVERY_MS - performance.now();
    if (event.type !== 'step' || wait <= 0) report();
    else timer ??= setTimeout(report, wait);
  };
}

/**
 * Watches the other tabs for as long as this one lives.
 *
 * @param changed called when a run was saved, paused, ended or deleted in another tab, and when a tab that trained has closed or crashed
 * @param heard called with what a run does in another tab
 */
export function watchTabs(changed: () => void, heard: (news: RunNews) => void): void {
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
  openChannel().onmessage = ({ data }: MessageEvent<'changed' | RunNews>) => {
    if (data === 'changed') changed();
    else heard(data);
    void untilEnd();
  };
  void untilEnd();
}

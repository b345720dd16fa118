/** Which tabs of Graft are open: locks of the browser, which it also gives back when a tab crashes. */

const NAME = 'graft-tab';

/**
 * Takes this tab's place, for as long as it lives.
 *
 * @returns whether no other tab is open: only then may leftovers be cleaned away, since no tab still uses them
 */
export async function arrive(): Promise<boolean> {
  const { held } = await navigator.locks.query();
  void navigator.locks.request(NAME, { mode: 'shared' }, () => new Promise(() => undefined));
  return !held?.some(({ name }) => name === NAME);
}

/** Takes a lock for as long as the worker lives. Resolves when it has it. */
export function holdLock(name: string): Promise<void> {
  return new Promise((resolve) => {
    void navigator.locks.request(name, () => {
      resolve();
      return new Promise(() => undefined);
    });
  });
}

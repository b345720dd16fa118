/** How much room the browser gives, and whether it promised to keep the stored data. */

interface Space {
  /** Bytes in use. */
  readonly usage: number;
  /** Bytes that may be in use at most. */
  readonly quota: number;
  /** Whether the browser promised not to clear it when disks get full. */
  readonly persistent: boolean;
}

/** Asks the browser; the numbers are its estimates, 0 if it gives none. */
export async function measureSpace(): Promise<Space> {
  const [{ usage = 0, quota = 0 }, persistent] = await Promise.all([
    navigator.storage.estimate(),
    navigator.storage.persisted(),
  ]);
  return { usage, quota, persistent };
}

/** Asks the browser to keep the stored data. For the page: browsers do not offer it to workers, since it may ask the person. */
export function requestPersistence(): Promise<boolean> {
  return navigator.storage.persist();
}

/** Messages between the watchdog and its worker. */
export interface Job {
  readonly name: string;
  /** Inputs [from, to) of the target. */
  readonly from: number;
  readonly to: number;
  readonly seed: number;
  /** An Int32: the input that the worker is at. */
  readonly place: SharedArrayBuffer;
}

export interface Find {
  readonly index: number;
  readonly why: string;
}

export interface Ended {
  values: number;
  /** GraftErrors. */
  errors: number;
  /** Milliseconds of processor time. */
  slowest: number;
  readonly finds: Find[];
}

/** The seed of one input: a hash of the campaign's, the target and the number (FNV-1a). */
export function seedOf(seed: number, name: string, index: number): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${name}/${index}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

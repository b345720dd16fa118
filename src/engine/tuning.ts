import type { AdapterDescription } from './device.ts';

/** What was measured on, or is assumed of, an adapter. Plain JSON: callers store it. */
export interface Tuning {
  /** Floating-point operations that one submit may hold, so that it stays well under a driver's watchdog: about a second's worth. */
  flopsPerSubmit: number;
}

export function defaultTuning(_adapter: AdapterDescription): Tuning {
  return { flopsPerSubmit: 8e9 };
}

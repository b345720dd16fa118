/** The base model that was opened last, in any tab: a page without a project starts with it after a reload. */
import type { ModelRef } from '../../worker/api.ts';

const KEY = 'graft-model';

/** @returns undefined if none was opened, or the browser does not say */
export function lastModel(): ModelRef | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return isRef(kept) ? { name: kept.name, bundled: kept.bundled } : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers the model for the next visit, if this browser keeps anything. */
export function keepLastModel({ name, bundled }: ModelRef): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ name, bundled }));
  } catch {
    // Storage is refused: it is known for this visit.
  }
}

function isRef(value: unknown): value is ModelRef {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'bundled' in value &&
    typeof value.bundled === 'boolean'
  );
}

/** State of the page outside Svelte's compiler: what it holds can be read and set, and nothing follows from a change. Effects run once. */
import { vi } from 'vitest';

const same = <T>(value?: T): T | undefined => value;

export function withoutSvelte(): void {
  vi.stubGlobal('$state', Object.assign(same, { raw: same, snapshot: same }));
  // Nothing is derived.
  vi.stubGlobal(
    '$derived',
    Object.assign(() => undefined, { by: () => undefined }),
  );
  const run = (effect: () => void): void => effect();
  const root = (effect: () => void) => {
    effect();
    return () => undefined;
  };
  vi.stubGlobal('$effect', Object.assign(run, { root }));
}

export interface Held<T> {
  readonly promise: Promise<T>;
  /** Answers now. */
  readonly answer: (value: T) => void;
}

/** A call of the worker that is answered when a test says so. */
export function held<T>(): Held<T> {
  let answer!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (answer = resolve));
  return { promise, answer };
}

/** A session whose worker answers as a test says. */
import type { ProjectsState } from '../../../src/app/state/projects.svelte.ts';
import type { SessionState } from '../../../src/app/state/session.svelte.ts';

export type Call = (...args: unknown[]) => Promise<unknown>;

/** What a part of the state asks of the session; calls of the worker that are not given answer at once. */
export function sessionWith(worker: Readonly<Record<string, Call>>, rest: object = {}): SessionState {
  const answers = new Proxy(worker, {
    get: (given, name: string) => given[name] ?? (() => Promise.resolve({ ok: true, row: {} })),
  });
  const plain = {
    announcer: { say: () => undefined },
    ensureModel: () => Promise.resolve(true),
    refreshStorage: () => Promise.resolve(),
  };
  return { worker: answers, ...plain, ...rest } as unknown as SessionState;
}

export const NO_PROJECT = {
  ...{ left: 0, whenLeft: () => undefined },
  ...{ settled: Promise.resolve(), adopt: () => undefined },
} as unknown as ProjectsState;

/** Everything that waits for no call has happened. */
export const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Holds a run between two steps, so that a test does not depend on the speed of the machine. */
import type { Page, Worker } from 'playwright-core';
import { expect } from 'vitest';
import { factOf, WAIT } from './looks.ts';

/** The worker that trains. Threads of the processor are workers beside it. */
export function engineOf(page: Page): Worker {
  const engine = page.workers().find((worker) => /\/main-[\w-]+\.js$/.test(worker.url()));
  if (!engine) throw new Error('The page has no worker that trains');
  return engine;
}

interface Gate {
  /** Steps that may still pass. */
  left: number;
  readonly waiting: (() => void)[];
}

/** Lets so many steps pass from now on and holds the next one. `Infinity` lets all pass. */
export function allowSteps(worker: Worker, steps: number): Promise<void> {
  return worker.evaluate((count) => {
    const scope = globalThis as unknown as { gate?: Gate };
    if (!scope.gate) {
      const gate: Gate = (scope.gate = { left: 0, waiting: [] });
      const passed = async (): Promise<void> => {
        while (gate.left <= 0) await new Promise<void>((resolve) => gate.waiting.push(resolve));
        gate.left--;
      };
      // Each step is told after the statistics that it left on the GPU were mapped.
      const map = GPUBuffer.prototype.mapAsync;
      GPUBuffer.prototype.mapAsync = async function (...args) {
        await map.apply(this, args);
        if (this.label.startsWith('staging of steps')) await passed();
      };
      // On the processor the message waits that ends the turn in which they are read.
      const post = MessagePort.prototype.postMessage as (this: MessagePort, ...args: unknown[]) => void;
      MessagePort.prototype.postMessage = function (this: MessagePort, ...args: unknown[]) {
        if (args[0] === 'read staging of steps') void passed().then(() => post.apply(this, args));
        else post.apply(this, args);
      };
    }
    scope.gate.left = count;
    for (const go of scope.gate.waiting.splice(0)) go();
  }, steps);
}

/**
 * From now on nobody hears that the device is done until `go` was called: a validation, which waits for that between its rows, stands still.
 */
export const holdWork = (worker: Worker): Promise<Held> => hold(worker, 'settle');

/** After so many reads nothing is read from the device until `go` was called: an answer waits for its next token. */
export const holdReads = (worker: Worker, after = 0): Promise<Held> => hold(worker, 'read', after);

/**
 * Once the worker has told this much of its progress, nothing is read from the device until a call is aborted: what it had done by then is the same on every
 * machine. For one measurement each time it is called.
 */
export function holdUntilAborted(
  worker: Worker,
  told: { readonly by?: string; readonly done: number },
): Promise<void> {
  return worker.evaluate((wanted) => {
    interface Waiting {
      wanted: { readonly by?: string; readonly done: number } | undefined;
      isHeld: boolean;
      readonly reads: (() => void)[];
    }
    const scope = globalThis as unknown as { untilAborted?: Waiting };
    if (!scope.untilAborted) {
      const waiting: Waiting = (scope.untilAborted = { wanted: undefined, isHeld: false, reads: [] });
      const post = MessagePort.prototype.postMessage as (this: MessagePort, ...args: unknown[]) => void;
      MessagePort.prototype.postMessage = function (this: MessagePort, ...args: unknown[]) {
        const [message] = args;
        if (waiting.isHeld && typeof message === 'string' && message.startsWith('read'))
          return void waiting.reads.push(() => post.apply(this, args));
        // As comlink calls a function of the page.
        const { argumentList = [] } = (message ?? {}) as {
          argumentList?: { value?: { what?: string; by?: string; done?: number } }[];
        };
        const { what, by, done = 0 } = argumentList[0]?.value ?? {};
        if (
          waiting.wanted &&
          what === 'answering' &&
          (waiting.wanted.by ?? by) === by &&
          done >= waiting.wanted.done
        )
          waiting.isHeld = true;
        post.apply(this, args);
      };
      const abort = AbortController.prototype.abort;
      AbortController.prototype.abort = function (...reason) {
        abort.apply(this, reason);
        if (!waiting.isHeld) return;
        Object.assign(waiting, { wanted: undefined, isHeld: false });
        for (const go of waiting.reads.splice(0)) go();
      };
    }
    scope.untilAborted.wanted = wanted;
  }, told);
}

interface Held {
  readonly go: () => Promise<void>;
}

/** @param after how often that may pass before */
async function hold(worker: Worker, what: 'settle' | 'read', after = 0): Promise<Held> {
  await worker.evaluate(
    ([held, free]) => {
      const scope = globalThis as unknown as { letGo: () => void };
      let passed = 0;
      const going = new Promise<void>((resolve) => (scope.letGo = resolve));
      const wait = GPUQueue.prototype.onSubmittedWorkDone;
      const map = GPUBuffer.prototype.mapAsync;
      if (held === 'settle')
        GPUQueue.prototype.onSubmittedWorkDone = async function () {
          if (++passed > free) await going;
          return wait.call(this);
        };
      else
        GPUBuffer.prototype.mapAsync = async function (...args) {
          if (++passed > free) await going;
          return map.apply(this, args);
        };
      const post = MessagePort.prototype.postMessage as (this: MessagePort, ...args: unknown[]) => void;
      MessagePort.prototype.postMessage = function (this: MessagePort, ...args: unknown[]) {
        if (typeof args[0] === 'string' && args[0].startsWith(held) && ++passed > free)
          void going.then(() => post.apply(this, args));
        else post.apply(this, args);
      };
    },
    [what, after] as const,
  );
  return { go: () => worker.evaluate(() => (globalThis as unknown as { letGo: () => void }).letGo()) };
}

/** From now on shaders are compiled only when `go` was called. */
export async function holdShaders(worker: Worker): Promise<{ readonly go: () => Promise<void> }> {
  await worker.evaluate(() => {
    const scope = globalThis as unknown as { compile: () => void };
    const held = new Promise<void>((resolve) => (scope.compile = resolve));
    const create = GPUDevice.prototype.createComputePipelineAsync;
    GPUDevice.prototype.createComputePipelineAsync = async function (...args) {
      await held;
      return create.apply(this, args);
    };
  });
  return { go: () => worker.evaluate(() => (globalThis as unknown as { compile: () => void }).compile()) };
}

/** Starts a run at the page with what `start` does, and pauses it after a few steps. */
export async function startAndPause(page: Page, start: () => Promise<void>): Promise<void> {
  const worker = engineOf(page);
  await allowSteps(worker, 2);
  await start();
  await expect.poll(() => factOf(page, 'Train'), WAIT).toMatch(/step [1-9]\d* of/);
  await page.getByRole('button', { name: 'Pause' }).click(WAIT);
  await allowSteps(worker, Infinity);
  await page.getByText(/^Paused at step/).waitFor(WAIT);
}

/** The name that stands for every call. */
export const EVERY_CALL = '*';

/** In the next load of the page, calls of the worker with these names wait until they are released. Later loads know nothing of it. */
export async function holdCalls(
  page: Page,
  names: readonly string[],
): Promise<{
  readonly release: (name: string) => Promise<void>;
  /** From now on calls of this name wait, too. */
  readonly hold: (name: string) => Promise<void>;
}> {
  await page.addInitScript((held: readonly string[]) => {
    // The name of a window stays when it is loaded again.
    if (window.name === 'calls were held') return;
    window.name = 'calls were held';
    const waiting: { name: string; send: () => void }[] = [];
    const names = new Set(held);
    const scope = globalThis as unknown as {
      release: (name: string) => void;
      hold: (name: string) => void;
      Worker: typeof Worker;
    };
    scope.hold = (name) => void names.add(name);
    scope.release = (name) => {
      names.delete(name);
      for (const call of waiting.splice(0)) {
        if (names.has('*') || names.has(call.name)) waiting.push(call);
        else call.send();
      }
    };
    scope.Worker = class extends Worker {
      override postMessage(message: { path?: string[] }, ...rest: never[]): void {
        const name = message.path?.[0] ?? '';
        const send = (): void => super.postMessage(message, ...rest);
        if (names.has('*') || names.has(name)) waiting.push({ name, send });
        else send();
      }
    };
  }, names);
  return {
    hold: (name) =>
      page.evaluate((held) => {
        (globalThis as unknown as { hold: (name: string) => void }).hold(held);
      }, name),
    release: (name) =>
      page.evaluate((released) => {
        (globalThis as unknown as { release: (name: string) => void }).release(released);
      }, name),
  };
}

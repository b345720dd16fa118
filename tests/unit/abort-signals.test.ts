import { expose, transferHandlers, wrap } from 'comlink';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { callSignals, carryAbortSignals } from '../../src/abort-signals.ts';

carryAbortSignals(transferHandlers);

/** The worker's side of a bridge: each call says when it has begun, and ends when its signal aborts or it is told to. */
class Side {
  readonly signals: AbortSignal[] = [];
  readonly endings: (() => void)[] = [];

  work(signal: AbortSignal): Promise<string> {
    this.signals.push(signal);
    if (signal.aborted) return Promise.resolve('aborted before');
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve('aborted'));
      this.endings.push(() => resolve('done'));
    });
  }
}

let side: Side;
let ends: [MessagePort, MessagePort];
let call: (signal: AbortSignal) => Promise<string>;
/** The ports of signals that are open at both ends. */
let open: Set<MessagePort>;
const usual = transferHandlers.get('AbortSignal')!;

const until = (isTrue: () => boolean): Promise<void> => expect.poll(isTrue, { interval: 1 }).toBe(true);

beforeEach(() => {
  side = new Side();
  open = new Set();
  const watch = (port: MessagePort | undefined): void => {
    if (!port) return;
    open.add(port);
    port.addEventListener('close', () => open.delete(port));
  };
  transferHandlers.set('AbortSignal', {
    ...usual,
    deserialize(port: MessagePort | undefined) {
      watch(port);
      return usual.deserialize(port) as unknown;
    },
  });
  const { port1, port2 } = new MessageChannel();
  ends = [port1, port2];
  expose(side, port2);
  const { work } = wrap<Side>(port1);
  // As the page calls its worker.
  call = async (signal) => {
    const signals = callSignals();
    try {
      return await work(signals.of(signal));
    } finally {
      signals.end();
    }
  };
});

afterEach(() => {
  for (const port of ends) port.close();
});

test('a signal that aborted before its call arrives aborted, without a port', async () => {
  expect(await call(AbortSignal.abort())).toBe('aborted before');
  expect(open.size).toBe(0);
});

test('a signal stops its own call and no other, and a call that has ended leaves no port', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const answers = [call(first.signal), call(second.signal)];
  await until(() => side.signals.length === 2);
  expect(open.size).toBe(2);
  second.abort();
  expect(await answers[1]).toBe('aborted');
  expect(side.signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  side.endings[0]();
  expect(await answers[0]).toBe('done');
  await until(() => open.size === 0);
});

test('an abort after the end of the call reaches nobody', async () => {
  const request = new AbortController();
  const answer = call(request.signal);
  await until(() => side.signals.length === 1);
  side.endings[0]();
  expect(await answer).toBe('done');
  await until(() => open.size === 0);
  request.abort();
  // The same bridge still works.
  expect(await call(AbortSignal.abort())).toBe('aborted before');
});

test('a controller may stop several calls, one after the other and at once', async () => {
  const request = new AbortController();
  const first = call(request.signal);
  await until(() => side.signals.length === 1);
  side.endings[0]();
  await first;
  const others = [call(request.signal), call(request.signal)];
  await until(() => side.signals.length === 3);
  request.abort();
  expect(await Promise.all(others)).toEqual(['aborted', 'aborted']);
  await until(() => open.size === 0);
});

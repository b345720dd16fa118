/**
 * Late answers. With `GRAFT_TEST_JITTER=SEED` in the environment, pages hear their worker late: each call waits for a time of its own, so answers of independent calls
 * overtake each other, as they may on a slow machine. Requests go out at once: whatever the worker does in the order of their arrival stays in order. What one
 * call says stays in order as well: its callbacks first, in turn, then its answer.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';

const SEED = process.env['GRAFT_TEST_JITTER'];
/** Contexts get delays of their own. */
let contexts = 0;

/** Pages of this browser hear their workers late, if that was asked for. */
export function jittered(browser: Browser): Browser {
  if (SEED === undefined) return browser;
  const open = browser.newContext.bind(browser);
  browser.newContext = async (...options) => {
    const context = await open(...options);
    await delayAnswers(context, `${SEED} ${contexts++}`);
    return context;
  };
  return browser;
}

/** The calls whose answers were held back for long, each with its milliseconds, in the order of the calls. None without the switch. */
export async function lateCalls(page: Page): Promise<string> {
  if (SEED === undefined) return '';
  return page
    .evaluate(() => (globalThis as unknown as { late?: readonly string[] }).late?.join(', ') ?? '')
    .catch(() => '');
}

/** @param seed the same call has the same delay in each run with this seed, whatever comes before it */
async function delayAnswers(context: BrowserContext, seed: string): Promise<void> {
  await context.addInitScript((given: string) => {
    /** Most calls wait for less than the first number, every eighth between the others. */
    const [SHORT, LEAST, MOST, RARE] = [30, 300, 1500, 1 / 8];
    interface Lane {
      /** Milliseconds that each of its messages waits for. */
      wait: number;
      /** When its latest message is heard, at the soonest. */
      until: number;
      readonly unheard: (() => void)[];
    }
    type Hear = (event: MessageEvent) => void;
    const later = setTimeout;
    const late: string[] = [];
    Object.assign(globalThis, { late });

    let load = 0;
    try {
      load = Number(sessionStorage.getItem('graft-test-load') ?? 0) + 1;
      sessionStorage.setItem('graft-test-load', String(load));
    } catch {
      // Some pages may not store anything.
    }
    /** A number between 0 and 1 that follows from a text: FNV-1a, then the finaliser of MurmurHash3. */
    const draw = (text: string): number => {
      let hash = 0x811c9dc5;
      for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
    };
    const waitOf = (call: string): number => {
      const size = draw(`${call} size`);
      return draw(call) < RARE ? LEAST + size * (MOST - LEAST) : size * SHORT;
    };

    const times = new Map<string, number>();
    const lanes = new Map<string, Lane & { answer: number }>();
    /** By the ends of channels that cross to the worker: the callbacks of a call. */
    const callbacks = new WeakMap<object, { lane: Lane | undefined }>();
    const hearLater = (lane: Lane, wait: number, hear: () => void): void => {
      const now = performance.now();
      lane.until = Math.max(lane.until, now + wait);
      lane.unheard.push(hear);
      // Timers of about the same moment may change their order, and the messages of a call keep theirs.
      later(() => lane.unheard.shift()!(), lane.until - now);
    };

    /** Hears messages of a port when its call's lane lets them. */
    const listenLate = (port: MessagePort, crossing: { lane: Lane | undefined }): void => {
      const listen = port.addEventListener.bind(port);
      port.addEventListener = ((type: string, heard: Hear, ...rest: []) =>
        listen(
          type as 'message',
          (event) => {
            if (crossing.lane) hearLater(crossing.lane, crossing.lane.wait, () => heard(event));
            else heard(event);
          },
          ...rest,
        )) as typeof port.addEventListener;
    };
    globalThis.MessageChannel = class extends MessageChannel {
      constructor() {
        super();
        const crossing = { lane: undefined };
        callbacks.set(this.port2, crossing);
        listenLate(this.port1, crossing);
      }
    };

    globalThis.Worker = class extends Worker {
      override postMessage(message: { id?: string; type?: string; path?: string[] }, sent: never): void {
        if (message?.type === 'APPLY' && message.id !== undefined) {
          const name = message.path?.join('.') ?? '';
          const time = (times.get(name) ?? 0) + 1;
          times.set(name, time);
          const call = `${given} ${load} ${name} ${time}`;
          const [wait, answer] = [waitOf(`${call} callbacks`), waitOf(`${call} answer`)];
          const lane = { wait, answer, until: 0, unheard: [] };
          lanes.set(message.id, lane);
          for (const port of Array.isArray(sent) ? (sent as object[]) : []) {
            const crossing = callbacks.get(port);
            if (crossing) crossing.lane = lane;
          }
          const said = `${name} ${time}`;
          if (lane.wait > SHORT) late.push(`${said} (callbacks) ${Math.round(lane.wait)}`);
          if (lane.answer > SHORT) late.push(`${said} ${Math.round(lane.answer)}`);
        }
        super.postMessage(message, sent);
      }
      override addEventListener(type: string, heard: never, ...rest: never[]): void {
        if (type !== 'message') return super.addEventListener(type, heard, ...rest);
        super.addEventListener('message', (event) => {
          const { id } = (event.data ?? {}) as { id?: string };
          const lane = id === undefined ? undefined : lanes.get(id);
          const hear = (): void => (heard as Hear)(event);
          if (!lane) return hear();
          lanes.delete(id!);
          hearLater(lane, lane.answer, hear);
        });
      }
    };
  }, seed);
}

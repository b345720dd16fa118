/**
 * A run in a tab that is really hidden. Playwright makes each of its pages count as visible and in front. So these tabs belong to a browser
 * context that it does not know, and the tests talk to them over the debugger's protocol.
 */
import type { Browser, CDPSession } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { WAIT } from './looks.ts';

interface Reply {
  readonly id: number;
  readonly result?: { readonly result: { readonly value?: unknown }; readonly exceptionDetails?: object };
  readonly error?: { readonly message: string };
}

let browser: Browser;
let devtools: CDPSession;
let browserContextId: string;
let sent = 0;
const waiting = new Map<number, (reply: Reply) => void>();

beforeAll(async () => {
  browser = await launchChromium();
  devtools = await browser.newBrowserCDPSession();
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
    const reply = JSON.parse(message) as Reply;
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  ({ browserContextId } = await devtools.send('Target.createBrowserContext'));
  await devtools.send('Browser.grantPermissions', {
    browserContextId,
    origin: new URL(inject('address')).origin,
    permissions: ['notifications'],
  });
});
afterAll(() => browser.close());

/** A new tab, in front of the others. @returns evaluates an expression in it, whose value is a text or a number */
async function openTab(url: string): Promise<(expression: string) => Promise<unknown>> {
  const { targetId } = await devtools.send('Target.createTarget', { url, browserContextId });
  const { sessionId } = await devtools.send('Target.attachToTarget', { targetId, flatten: false });
  return async (expression) => {
    const id = ++sent;
    const replied = new Promise<Reply>((resolve) => waiting.set(id, resolve));
    const params = { expression, awaitPromise: true, returnByValue: true };
    const message = JSON.stringify({ id, method: 'Runtime.evaluate', params });
    await devtools.send('Target.sendMessageToTarget', { sessionId, message });
    const { result, error } = await replied;
    if (!result || result.exceptionDetails)
      throw new Error(`${expression}: ${error?.message ?? JSON.stringify(result?.exceptionDetails)}`);
    return result.result.value;
  };
}

test('a run in a hidden tab trains to its end, keeps the adapter and says so', async () => {
  const tab = await openTab(inject('address'));
  const shows = (words: RegExp, where = 'main'): Promise<void> =>
    expect.poll(() => tab(`document.querySelector('${where}')?.innerText`), WAIT).toMatch(words);
  const press = (name: string): Promise<unknown> =>
    tab(
      `[...document.querySelectorAll('button')].find(({ innerText }) => innerText.startsWith('${name}')).click()`,
    );
  await shows(/Tune a model now/);
  await tab(`
    globalThis.told = [];
    globalThis.Notification = class extends Notification {
      constructor(title, options) {
        super(title, options);
        told.push(document.visibilityState + ': ' + title + ': ' + options.body);
      }
    };
  `);
  await press('Tune a model now');
  await expect.poll(() => tab('document.title'), WAIT).toMatch(/^\d+\/60/);

  await openTab('about:blank');
  await expect.poll(() => tab('document.visibilityState')).toBe('hidden');
  expect(await tab('document.title')).toMatch(/^[1-5]?\d\/60/);
  await shows(/Done: loss/);
  expect(await tab('document.visibilityState')).toBe('hidden');
  await shows(/1 adapter kept/, 'nav');
  expect(await tab('told.join()')).toMatch(/^hidden: /);
});

/**
 * What the page says when a run meets a second tab, a lost GPU, an ended worker or a full disk. The run can be resumed each time. interrupted.test.ts
 * shows that its curve is the same to the bit.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { launchChromium, openStudio } from './chromium.ts';
import { allowSteps, engineOf, startAndPause } from './gate.ts';
import { factOf, goTo, openSettings, WAIT } from './looks.ts';

const VIEW = { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' } as const;

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

async function openRows(page: Page): Promise<void> {
  await goTo(page, 'data');
  await page.getByRole('button', { name: /^A sea captain/ }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
}

/** Starts a run of so many steps, without validation. */
async function start(page: Page, steps: number): Promise<void> {
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill(String(steps));
  await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('1');
  await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
}

const alert = (page: Page): ReturnType<Page['locator']> => page.getByRole('alert');
const controls = (page: Page): ReturnType<Page['locator']> => page.getByRole('group', { name: 'This run' });

async function resumeToTheEnd(page: Page): Promise<void> {
  await controls(page).getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
}

/** Another tab of the same browser. */
async function secondTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(inject('address'));
  return page;
}

test('a second tab can look and chat, and says why it cannot train', async () => {
  const { page, problems, close } = await openStudio(browser, VIEW);
  await openRows(page);
  await start(page, 5000);
  await page.getByRole('button', { name: 'Pause' }).waitFor(WAIT);

  const second = await secondTab(page.context());
  await second.getByRole('button', { name: 'Open A sea captain' }).click();
  await expect.poll(() => second.getByRole('banner').innerText(), WAIT).toMatch(/A sea captain/);
  await goTo(second, 'train');
  const main = second.getByRole('main');
  await expect.poll(() => main.innerText(), WAIT).toMatch(/trains in another tab/);
  await expect.poll(() => controls(second).getByRole('button', { name: 'Resume' }).count()).toBe(0);
  await expect.poll(() => factOf(second, 'Data'), WAIT).toMatch(/360 rows/);
  // Where the run has been saved on the way, the second tab shows its curve.
  const anew = second.getByRole('button', { name: 'New run' });
  if ((await anew.count()) > 0) await anew.click();
  await second.getByRole('button', { name: 'Start training' }).click();
  await alert(second).waitFor(WAIT);
  await expect
    .poll(() => alert(second).innerText())
    .toMatch(/training in another tab of this browser.*Pause or finish the run there/s);
  await goTo(second, 'use');
  await second.getByLabel('Prompt for both').fill('Who are you?');
  await second.keyboard.press('Enter');
  await expect.poll(() => second.getByText(/tokens\/s/).count(), WAIT).toBe(2);
  // The first one trains on, and when it pauses the second one hears of it, and may.
  await goTo(second, 'train');
  // What was asked for there is on its screen: the run of the first one is in its list.
  const resume = second
    .getByRole('region', { name: 'Table of runs' })
    .getByRole('button', { name: /^Resume/ });
  expect(await resume.count()).toBe(0);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText(/^Paused at step/).waitFor(WAIT);
  await resume.waitFor(WAIT);

  // It goes on there, which the first one follows; and when that tab is closed, nobody trains.
  await resume.click();
  await page
    .getByText(/^This run trains in another tab/)
    .first()
    .waitFor(WAIT);
  await expect.poll(() => controls(page).getByRole('button', { name: 'Resume' }).count()).toBe(0);
  await second.close();
  await page.getByText(/^Paused at step \d+ of 5000, and kept in this browser/).waitFor(WAIT);
  await controls(page).getByRole('button', { name: 'Stop and keep' }).click();
  await page.getByText(/^Stopped at step/).waitFor(WAIT);
  expect(problems).toEqual([]);
  await close();
});

test('the page reports a lost GPU, and offers to resume the run', async () => {
  const { page, problems, close } = await openStudio(browser, { ...VIEW, on: 'gpu' });
  await openRows(page);
  await goTo(page, 'train');
  await openSettings(page);
  // A GPU in software compiles the kernels of answers for seconds, and computes larger batches for seconds.
  await page.getByRole('spinbutton', { name: 'Answer every … steps' }).fill('0');
  await page.getByRole('spinbutton', { name: 'Batch size', exact: true }).fill('1');
  await startAndPause(page, () => start(page, 24));
  const worker = engineOf(page);
  await worker.evaluate(() => {
    const { createCommandEncoder } = GPUDevice.prototype;
    GPUDevice.prototype.createCommandEncoder = function (...args) {
      GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
      const encoder = createCommandEncoder.apply(this, args);
      this.destroy();
      return encoder;
    };
  });
  await controls(page).getByRole('button', { name: 'Resume' }).click();
  await alert(page).waitFor(WAIT);
  await expect.poll(() => alert(page).innerText()).toMatch(/The GPU was lost.*Saved work is safe/s);
  // Kernels are compiled again on a new device, for long: interrupted.test.ts resumes there, with the same curve.
  expect(await controls(page).getByRole('button', { name: 'Resume' }).isEnabled()).toBe(true);
  expect(problems.filter((problem) => !/destroyed|lost/i.test(problem))).toEqual([]);
  await close();
});

test('the page reports a worker that ended without a word, and the run resumes after a reload', async () => {
  const { page, problems, close } = await openStudio(browser, VIEW);
  await openRows(page);
  await startAndPause(page, () => start(page, 24));
  await controls(page).getByRole('button', { name: 'Resume' }).click();
  await engineOf(page)
    .evaluate(() => self.close())
    .catch(() => undefined);
  await alert(page).waitFor(WAIT);
  await expect.poll(() => alert(page).innerText()).toMatch(/It ended without a word.*Reload the page/s);
  await page.reload();
  await resumeToTheEnd(page);
  expect(problems).toEqual([]);
  await close();
});

test('a full disk pauses the run and the page says so; the run resumes when there is room', async () => {
  const { page, problems, close } = await openStudio(browser, VIEW);
  await openRows(page);
  const worker = engineOf(page);
  await allowSteps(worker, 2);
  await start(page, 24);
  await expect.poll(() => factOf(page, 'Train'), WAIT).toMatch(/step [1-9]\d* of/);
  // As Chromium ends a transaction without room. Its own quota: interrupted.test.ts, since Chromium looks at that only twice a minute.
  await worker.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...args) {
      const request = put.apply(this, args);
      const { transaction } = this;
      if (this.name !== 'checkpoints') return request;
      const error = new DOMException('No room.', 'QuotaExceededError');
      Object.defineProperty(transaction, 'error', { value: error });
      request.addEventListener('success', () => transaction.abort());
      return request;
    };
    Object.assign(globalThis, { makeRoom: () => (IDBObjectStore.prototype.put = put) });
  });
  await controls(page).getByRole('button', { name: 'Pause' }).click(WAIT);
  await allowSteps(worker, Infinity);
  await alert(page).waitFor(WAIT);
  await expect
    .poll(() => alert(page).innerText())
    .toMatch(/no room left.*what was saved before is untouched/s);
  await worker.evaluate(() => (globalThis as unknown as { makeRoom: () => void }).makeRoom());
  await resumeToTheEnd(page);
  await expect.poll(() => factOf(page, 'Use'), WAIT).toMatch(/1 adapter kept/);
  expect(problems).toEqual([]);
  await close();
});

/**
 * A run by keyboard, behind another tab, with a notification at its end, paused and stopped after a reload, discarded. What screen readers hear of
 * it. And the same run headless, on the same driver.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPeft, type Files } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { memoryFiles } from '../../src/weights/bytes.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { closeContexts, openChromiumWithWindows, openStudio, type WatchedPage } from './chromium.ts';
import { allowSteps, engineOf, holdWork } from './gate.ts';
import {
  downloadOf,
  factOf,
  goTo,
  inspect,
  openSample,
  openSettings,
  PICTURES,
  RESULTS,
  WAIT,
} from './looks.ts';

const ROOT = join(import.meta.dirname, '../..');
const STEPS = 12;
/** Layout Instability: what a person would call a jump begins at 0.1. */
const STILL = 0.02;
const SAME_LOSS = 1e-4;

interface Seen {
  /** Asked for, and given back. */
  wake: string[];
  notifications: { title: string; body: string | undefined }[];
  permissionAsked: number;
  shift: number;
}
declare const seen: Seen;

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let command = '';
let csv = '';
let recipe = '';
/** The name of what the curve says. */
let verdict = '';
let adapter: Files;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromiumWithWindows();
  studio = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  ({ page } = studio);
  await page.addInitScript(() => {
    const record: Seen = { wake: [], notifications: [], permissionAsked: 0, shift: 0 };
    Object.assign(globalThis, { seen: record });
    // The browser's own lock and notification, watched.
    const request = WakeLock.prototype.request;
    WakeLock.prototype.request = async function (type) {
      const lock = await request.call(this, type).catch((error: Error) => {
        record.wake.push(error.message);
        throw error;
      });
      record.wake.push('taken');
      lock.addEventListener('release', () => record.wake.push('released'));
      return lock;
    };
    const Native = Notification;
    const ask = Native.requestPermission.bind(Native);
    class Watched extends Native {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        record.notifications.push({ title, body: options?.body });
      }
      static override requestPermission(): Promise<NotificationPermission> {
        record.permissionAsked++;
        return ask();
      }
    }
    Object.assign(globalThis, { Notification: Watched });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      })[])
        if (!entry.hadRecentInput) record.shift += entry.value;
    }).observe({ type: 'layout-shift' });
  });
  // What is asked for is there: a reload would abort it.
  await page.waitForLoadState('networkidle');
  await page.reload();
});
afterAll(() => closeContexts(browser));

const heard = (): Promise<string[]> => page.getByRole('log').locator('p').allInnerTexts();
const controls = () => page.getByRole('group', { name: 'This run' });
const press = (name: string | RegExp): Promise<void> =>
  controls()
    .getByRole('button', { name, exact: typeof name === 'string' })
    .click(WAIT);

/** Fills the form of a new run and starts it. */
async function start(settings: Readonly<Record<string, string>>): Promise<void> {
  await goTo(page, 'train');
  const again = page.getByRole('button', { name: 'New run' });
  if (await again.isVisible()) await again.click();
  await openSettings(page);
  for (const [name, value] of Object.entries(settings))
    await page.getByLabel(name, { exact: true }).fill(value);
  await page.getByRole('button', { name: 'Start training' }).click();
}

const SHORT = {
  Steps: String(STEPS),
  'Warm-up, steps': '2',
  'Batch size': '2',
  'Validate every … steps': '6',
  'Answer every … steps': '6',
};

test('a run starts with the base model, continues behind another tab, and notifies when it is done', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).getByText('360 rows').waitFor(WAIT);
  // It goes on once it is behind another tab.
  await allowSteps(engineOf(page), 4);
  await start(SHORT);
  // Where the form was, the run is: from its top, with the heading to go on from.
  await expect.poll(() => page.evaluate(() => scrollY), WAIT).toBe(0);
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  await page.getByRole('slider', { name: 'Step of the loss curve' }).waitFor(WAIT);
  // The prompt is a row's: what that answers stands above, and each answer is held against it.
  await expect
    .poll(() => page.getByRole('region', { name: 'One prompt, as it learns' }).innerText())
    .toMatch(/reference\s+\S/);
  await expect
    .poll(() => page.getByRole('region', { name: 'Answers by step' }).innerText())
    .toMatch(/0.*the base model/s);
  await expect
    .poll(() => page.getByRole('table').filter({ hasText: 'At step' }).innerText())
    .toMatch(/base model, validation\s+\d/);
  await expect.poll(() => page.evaluate(() => seen.wake), WAIT).toEqual(['taken']);
  await expect.poll(() => page.evaluate(() => seen.permissionAsked)).toBe(0);
  // What is not granted here is refused from now on.
  await page
    .context()
    .grantPermissions(['notifications', 'screen-wake-lock', 'clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Notify me when it is done' }).click();
  await page.getByText('A notice comes at the end').waitFor();
  await expect.poll(() => page.evaluate(() => seen.permissionAsked)).toBe(1);
  await page.evaluate(() => (seen.shift = 0));

  // Another tab in front, as the page sees it: hidden, without focus, and without frames.
  const other = await page.context().newPage();
  await other.bringToFront();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' });
    globalThis.requestAnimationFrame = () => 0;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await allowSteps(engineOf(page), Infinity);
  await expect.poll(() => page.evaluate(() => seen.notifications.length), WAIT).toBe(1);
  const [{ title, body }] = await page.evaluate(() => seen.notifications);
  expect(title).toBe('voice 1 is done');
  expect(body).toMatch(
    /^Step 12, loss \d\.\d+ → \d\.\d+ on validation rows(, of the kept step \d+)?\. The adapter is kept\.$/,
  );
  await other.close();
  await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: true });
  await expect.poll(() => page.evaluate(() => seen.shift)).toBeLessThan(STILL);
  await expect.poll(() => page.evaluate(() => seen.wake), WAIT).toEqual(['taken', 'released']);
  const said = (await heard()).join('\n');
  for (const words of [
    /Step 6 of 12, loss/,
    /validation loss .* the best so far/,
    /The run is done, .* loss \d/,
  ])
    expect(said).toMatch(words);
});

test('the next run is forecast from the steps of this one, and a long run says what would shorten it', async () => {
  await page.getByRole('button', { name: 'New run' }).click();
  const takes = page.getByText(/^This run takes (?:at most )?(?:about|a few seconds)/);
  await expect.poll(() => takes.innerText(), WAIT).toMatch(/From 1\d steps of this model on this CPU/);
  for (const preset of await page.getByRole('group', { name: 'Preset' }).getByRole('radio').all())
    await expect
      .poll(() => preset.locator('xpath=..').innerText())
      .toMatch(/\d+ steps, .* over 288 rows; (?:about|a few seconds)/);
  await openSettings(page);
  const steps = page.getByLabel('Steps', { exact: true });
  const before = await steps.inputValue();
  // The plan looks at the rows of every step.
  await steps.fill('1000000');
  await page.getByText('That is more than an hour.').waitFor(WAIT);
  await page.getByText(/^Hardly shorter: .*take rank \d+ \(/).waitFor(WAIT);
  // One epoch over 288 rows.
  await page.getByRole('button', { name: /^Train \d+ steps, one epoch/ }).click();
  await expect.poll(async () => Number(await steps.inputValue())).toBeLessThan(300);
  await expect.poll(() => page.getByText('That is more than an hour.').count(), WAIT).toBe(0);
  await steps.fill(before);

  // A rate beyond reason is asked about, and Escape leads back to it.
  const rate = page.getByLabel('Learning rate', { exact: true });
  const usual = await rate.inputValue();
  await rate.fill('1');
  await page.getByRole('button', { name: 'Start training' }).click();
  const question = page.getByRole('dialog', { name: 'Start with this setting?' });
  await question.getByText('A learning rate of 1 is very high').waitFor();
  await question.getByText('1e-3 to 1e-2 is usual.').waitFor();
  await expect
    .poll(() =>
      question.getByRole('button', { name: 'Change it' }).evaluate((at) => at === document.activeElement),
    )
    .toBe(true);
  expect(await inspect(page, 'doubts')).toEqual([]);
  await page.keyboard.press('Escape');
  await expect.poll(() => rate.evaluate((at) => at === document.activeElement)).toBe(true);
  await rate.fill(usual);
  await page.getByRole('button', { name: 'Back to the run' }).click();
});

test('a run leaves a command, a table, a picture and an adapter', async () => {
  await press('Ask both the same question');
  await expect.poll(() => page.getByRole('button', { name: 'Show the probabilities' }).count(), WAIT).toBe(2);
  const zipped = await downloadOf(page, () =>
    page.getByRole('button', { name: 'Download zip of voice 1' }).click(),
  );
  const zip = join(RESULTS, 'adapter-of-the-tab.zip');
  await zipped.saveAs(zip);
  adapter = Object.fromEntries(
    Object.entries(unzipSync(readFileSync(zip))).map(([path, bytes]) => [path.split('/')[1], bytes]),
  ) as Files;
  expect(new TextDecoder().decode(adapter['README.md'])).toMatch(/base_model: "sprig"/);

  const wide = page.viewportSize()!;
  await page.setViewportSize({ width: 360, height: 800 });
  // Animation frames run again.
  await page.reload();
  await goTo(page, 'train');
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  const answers = page.getByRole('region', { name: 'Answers by step' });
  // A phone shows the answers before and after the run without scrolling.
  const controls = page.getByRole('group', { name: 'This run' });
  const [top, end] = await Promise.all([answers.boundingBox(), controls.boundingBox()]);
  expect(top!.y + top!.height).toBeLessThan(end!.y);
  await expect
    .poll(() =>
      answers.evaluate((view) => {
        const { top: from, bottom } = view.getBoundingClientRect();
        const shown = [...view.querySelectorAll('li')].filter((answer) => {
          const box = answer.getBoundingClientRect();
          return box.top >= from - 1 && box.bottom <= bottom + 1;
        });
        const all = view.querySelectorAll('li');
        return [all[0], all[all.length - 1]].every((answer) => shown.includes(answer));
      }),
    )
    .toBe(true);
  await page.setViewportSize(wide);
  // Answers that do not fit lie outside the view, which says so and leads there.
  await answers.evaluate((view) => {
    for (const answer of view.querySelectorAll<HTMLElement>('li:not(.base)'))
      answer.style.minHeight = '40rem';
    view.scrollTop = 0;
  });
  await page.getByRole('button', { name: 'To the latest' }).click();
  // The answer before the run stays in view above the latest.
  await expect.poll(() => answers.evaluate((view) => view.scrollTop)).toBeGreaterThan(0);
  const isAbove = (view: Element): number =>
    view.querySelector('li.base')!.getBoundingClientRect().top - view.getBoundingClientRect().top;
  await expect.poll(() => answers.evaluate(isAbove)).toBeCloseTo(0, 0);
  await page.getByRole('button', { name: 'From step 0' }).click();
  await page.getByRole('button', { name: 'To the latest' }).waitFor();
  await expect.poll(() => answers.evaluate((view) => view.scrollTop)).toBe(0);
  await page.getByRole('button', { name: 'Copy as a command line' }).click();
  command = await page.evaluate(() => navigator.clipboard.readText());
  const numbers = await downloadOf(page, () => page.getByRole('button', { name: 'Curve as CSV' }).click());
  csv = readFileSync(await numbers.path(), 'utf8');
  const saved = await downloadOf(page, () => page.getByRole('button', { name: 'Recipe as JSON' }).click());
  expect(saved.suggestedFilename()).toBe('voice-1.recipe.json');
  recipe = readFileSync(await saved.path(), 'utf8');
  const drawn = await downloadOf(page, () => page.getByRole('button', { name: 'Curve as PNG' }).click());
  await drawn.saveAs(join(PICTURES, 'curve.png'));
  const turn = page.getByRole('button', { name: 'Logarithmic axis' });
  await turn.focus();
  await page.keyboard.press('Enter');
  await page.getByText('the axis is logarithmic').waitFor();
  expect(await turn.getAttribute('aria-pressed')).toBe('true');
  expect(await inspect(page, 'logarithmic')).toEqual([]);
  // The preference stays after a reload.
  await page.reload();
  await page.getByText('the axis is logarithmic').waitFor(WAIT);
  await turn.click();
  await page.getByText('the axis is logarithmic').waitFor({ state: 'hidden' });
  verdict = await page
    .getByText(/^(Learned|Still falling|Too short to tell)\./)
    .first()
    .innerText();
  await expect
    .poll(() => page.getByRole('main').ariaSnapshot())
    .toMatch(
      /heading "voice 1" \[level=1\][\s\S]*slider "Step of the loss curve"[\s\S]*region "Answers by step"[\s\S]*table/,
    );
});

test('the recipe of a run fills the form of the next one, and a recipe with a mistake says which', async () => {
  const told = JSON.parse(recipe) as Record<string, unknown>;
  expect(told).toMatchObject({
    steps: STEPS,
    warmup: 2,
    batch: 2,
    evalEvery: 6,
    shuffle: true,
    rankPattern: {},
  });
  await page.getByRole('button', { name: 'New run' }).click();
  await openSettings(page);
  const open = async (content: object): Promise<void> =>
    page.getByLabel('Open a recipe').setInputFiles({
      name: 'run.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(content)),
    });
  const valueOf = (label: string) => () => page.getByLabel(label, { exact: true }).inputValue();
  await page.getByLabel('Steps', { exact: true }).fill('99');
  await open({ ...told, rank: 5, rankPattern: { q_proj: 3 }, shuffle: false });
  await page.getByText('Settings of run.json.').waitFor(WAIT);
  await expect.poll(valueOf('Steps')).toBe(String(STEPS));
  await expect.poll(valueOf('Rank')).toBe('5');
  await expect.poll(() => page.getByLabel('Shuffle rows').isChecked()).toBe(false);
  await page.getByText('Layer by layer').click();
  const ranks = page.getByLabel('Rank pattern', { exact: true });
  await expect.poll(() => ranks.inputValue()).toBe('q_proj=3');
  await ranks.fill('q_proj=3, v_proj');
  await expect
    .poll(() => page.getByRole('alert').innerText())
    .toMatch(/Rank pattern: Choose the ends of paths, each with a whole number from 1 to 1024/);
  await ranks.fill('q_proj=3, v_proj=6');
  await expect.poll(() => page.getByRole('alert').count()).toBe(0);
  // The planner counts it: the run can start.
  await expect.poll(() => page.getByRole('button', { name: 'Start training' }).isEnabled(), WAIT).toBe(true);
  expect(await inspect(page, 'recipe')).toEqual([]);
  await open({ lrate: 1 });
  await page.getByText('run.json: there is no setting "lrate".').waitFor(WAIT);
  await open({ method: 'full', lastLayers: 2 });
  await expect.poll(valueOf('Last layers only, layers')).toBe('2');
  await page.getByText('These weights of Sprig change').waitFor(WAIT);
  await expect.poll(() => page.getByLabel('Rank', { exact: true }).count()).toBe(0);
  await open({ lastLayers: 0, method: 'full' });
  await open(told);
  await expect.poll(valueOf('Rank')).toBe('8');
  await page.getByRole('button', { name: 'Back to the run' }).click();
});

test('the command trains the same adapter without a browser', async () => {
  expect(command).toMatch(
    /^npx graft train --model public\/models\/sprig --data public\/samples\/voice\/train\.jsonl /,
  );
  const out = join(RESULTS, 'headless');
  rmSync(out, { recursive: true, force: true });
  const words = command.split(' ').slice(2);
  words[words.indexOf('--out') + 1] = out;
  const { status, stderr } = spawnSync(process.execPath, ['bin/graft.mjs', ...words, '--device', 'cpu'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  expect(verdict).not.toBe('');
  expect(stderr.split('\n').some((line) => line.startsWith(`${verdict} `))).toBe(true);

  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const headless = lines.map(
    (line) => JSON.parse(line) as { step: number; loss: number; eval_loss?: number },
  );
  const rows = csv
    .trim()
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(','));
  const tab = rows.filter(([, loss]) => loss !== '');
  expect(tab).toHaveLength(STEPS);
  headless.forEach(({ step, loss, eval_loss }, i) => {
    expect(Number(tab[i][0])).toBe(step);
    expect(Math.abs(Number(tab[i][1]) - loss)).toBeLessThan(SAME_LOSS);
    if (eval_loss !== undefined) expect(Math.abs(Number(tab[i][3]) - eval_loss)).toBeLessThan(SAME_LOSS);
  });

  const definition = await readModel(sprigFolder());
  const names = ['adapter_config.json', 'adapter_model.safetensors'];
  const written = Object.fromEntries(
    names.map((name) => [name, Uint8Array.from(readFileSync(join(out, name)))]),
  );
  const [ours, theirs] = [
    await readPeft(memoryFiles(adapter, 'tab'), definition),
    await readPeft(memoryFiles(written, 'headless'), definition),
  ];
  expect(ours.config).toEqual(theirs.config);
  for (const [name, values] of theirs.tensors) {
    const mine = ours.tensors.get(name)!;
    const size = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - mine[i])), 0);
    expect(worst / size, name).toBeLessThan(1e-3);
  }
});

test('a run in preparation says what it waits for and is cancelled; a reload before its first step loses nothing', async () => {
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /^CPU with/ })
    .click();
  await page.getByRole('button', { name: 'Measure this CPU' }).click();
  await page.getByText(/1 of 13/).waitFor(WAIT);
  // The measurement lasts until the run was cancelled.
  const measurement = await holdWork(engineOf(page));
  await start(SHORT);
  await page.getByText('Wait for the CPU').waitFor(WAIT);
  await expect
    .poll(() => page.getByRole('main').innerText())
    .toMatch(/Wait for the CPU\s+it is being measured/);
  expect(await inspect(page, 'waiting')).toEqual([]);
  await press('Cancel');
  await page.getByRole('button', { name: 'Start training' }).waitFor(WAIT);
  await expect.poll(heard).toContainEqual('Cancelled: nothing was trained.');
  await measurement.go();
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /^CPU with/ })
    .click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('button', { name: 'Measure this CPU' }).waitFor(WAIT);

  const kept = page.getByRole('region', { name: 'Table of runs' }).getByRole('row');
  await goTo(page, 'train');
  const before = await kept.count();
  await allowSteps(engineOf(page), 0);
  await start({ ...SHORT, 'Learning rate': '0.2' });
  await page.getByRole('dialog').getByRole('button', { name: 'Start anyway' }).click();
  await expect.poll(() => kept.count(), WAIT).toBe(before + 1);
  await page.reload();
  await page.getByText('Paused before its first step, and kept in this browser.').waitFor(WAIT);
  await expect.poll(() => factOf(page, 'Train')).toMatch(/paused before its first step/);
  expect(await inspect(page, 'before-the-first-step')).toEqual([]);
  await press('Resume');
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await page.getByRole('link', { name: /^Use/ }).getByText('2 adapters kept').waitFor(WAIT);
});

test('Space pauses; after a reload the run is stopped from storage, and its adapter kept', async () => {
  // The rate that was asked about stays in the form.
  const usual = { 'Learning rate': '0.01', Rank: '4', Alpha: '8' };
  await start({ ...SHORT, ...usual, Steps: '200', 'Validate every … steps': '0' });
  await expect.poll(() => page.title(), WAIT).toMatch(/^\d+\/200/);
  await page.locator('h1').focus();
  await page.keyboard.press('Space');
  await page.getByText(/^Paused at step/).waitFor(WAIT);
  await expect.poll(async () => (await heard()).join('\n')).toMatch(/The run is paused\. Step \d+ of 200/);
  expect(await inspect(page, 'paused')).toEqual([]);
  await page.reload();
  await page.getByText(/^Paused at step \d+ of 200, and kept in this browser/).waitFor(WAIT);
  await press('Stop and keep');
  await page.getByText(/^Stopped at step/).waitFor(WAIT);
  await page.getByRole('link', { name: /^Use/ }).getByText('3 adapters kept').waitFor(WAIT);
});

test('a run is discarded, and another is drawn under its curve, with what differs in a table', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).getByText('360 rows').waitFor(WAIT);
  await start({ ...SHORT, Steps: '200', 'Validate every … steps': '0', 'Answer every … steps': '0' });
  await expect.poll(() => page.title(), WAIT).toMatch(/^\d+\/200/);
  await press('Discard');
  await press('Go on');
  await press('Discard');
  await press('Discard for good');
  await page.getByText(/^Discarded: only its curve is kept/).waitFor(WAIT);
  for (const name of ['voice 1', 'voice 3'])
    await page.getByRole('button', { name: `Overlay ${name}` }).click();
  const table = page.getByRole('region', { name: 'Table of what differs' });
  await expect.poll(() => table.innerText()).toMatch(/Steps done[\s\S]*Rank[\s\S]*8\s+8?\s*4?/);
  expect(await inspect(page, 'overlaid')).toEqual([]);
  expect(studio.problems).toEqual([]);
});

test('keys are listed, work outside of text fields, and can be turned off', async () => {
  await page.locator('h1').focus();
  await page.keyboard.press('?');
  const list = page.getByRole('dialog', { name: 'Keys' });
  await list.waitFor();
  expect(await inspect(page, 'keys')).toEqual([]);
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'hidden' });
  await page.keyboard.press('6');
  await page.getByRole('heading', { level: 1, name: 'Use' }).waitFor();
  await page.getByLabel('Prompt for both').fill('');
  await page.locator('h1').focus();
  await page.keyboard.press('/');
  await page.keyboard.type('1?p');
  await expect.poll(() => page.getByLabel('Prompt for both').inputValue()).toBe('1?p');
  await page.locator('h1').focus();
  await page.keyboard.press('?');
  await list.getByLabel('Use single keys').uncheck();
  await list.getByRole('button', { name: 'Close' }).click();
  await page.locator('h1').focus();
  await page.keyboard.press('1');
  await expect.poll(() => page.getByRole('heading', { level: 1 }).innerText()).toBe('Use');
  expect(studio.problems).toEqual([]);
});

test.each([
  ['task', /heading .*\[level=1\]/],
  ['data', /heading .*\[level=1\][\s\S]*360 rows|heading .*\[level=1\]/],
  ['baseline', /heading "Baseline" \[level=1\]/],
  ['evaluate', /heading "Evaluate" \[level=1\][\s\S]*combobox "Adapter"/],
  [
    'use',
    /heading "Use" \[level=1\][\s\S]*combobox "Left side"[\s\S]*textbox "Prompt for both"[\s\S]*heading "Adapters"/,
  ],
])('%s has its words for those who do not see it, and is read from its heading on', async (stage, words) => {
  await goTo(page, stage);
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  await expect.poll(() => page.getByRole('main').ariaSnapshot()).toMatch(words);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('main button, main a, main input, main select, main textarea')]
      .filter((element) => element.checkVisibility())
      .filter((element) => {
        const label = element.getAttribute('aria-label') ?? element.textContent.trim();
        const { labels } = element as HTMLInputElement;
        return label === '' && !(labels && labels.length > 0);
      })
      .map(({ outerHTML }) => outerHTML),
  );
  expect(nameless).toEqual([]);
  // The skip link leads past the stages.
  await page.locator('.skip').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('stage');
});

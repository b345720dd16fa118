/**
 * Adapters in the library, side by side in the chat and in an evaluation. The adapters are made here, from random numbers and without a
 * GPU: what matters is that they differ.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Files } from '../../src/export/peft.ts';
import { packZip } from '../../src/worker/adapter-zip.ts';
import { sprigAdapter } from './adapter-files.ts';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { dragInto } from './drag.ts';
import { downloadOf, goTo, inspect, openSample, PICTURES, WAIT } from './looks.ts';

const HOSTILE = '<img src=x onerror="document.title=1">';
const QUESTION = 'Who lives next to the school?';

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let library: Locator;
let scratch: string;

function changed(files: Files, change: (config: Record<string, unknown>) => void): Files {
  const config = JSON.parse(new TextDecoder().decode(files['adapter_config.json'])) as Record<
    string,
    unknown
  >;
  change(config);
  return { ...files, 'adapter_config.json': new TextEncoder().encode(JSON.stringify(config)) };
}

const zipFile = (name: string, bytes: Uint8Array): { name: string; mimeType: string; buffer: Buffer } => ({
  name,
  mimeType: 'application/zip',
  buffer: Buffer.from(bytes),
});

const importZip = (name: string, files: Files): Promise<void> =>
  library.getByLabel('Import a zip').setInputFiles(zipFile(name, packZip('adapter', files)));

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  scratch = mkdtempSync(join(tmpdir(), 'graft-drop-'));
  browser = await launchChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
  library = page.getByRole('region', { name: 'Adapters' });
});
afterAll(async () => {
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
});

test('adapters come in as a zip and as a dropped folder, under names that stay text', async () => {
  await goTo(page, 'use');
  await importZip('Bosun.zip', await sprigAdapter(1));
  await library.getByRole('button', { name: 'Delete Bosun' }).waitFor(WAIT);
  await importZip(`${HOSTILE}.zip`, await sprigAdapter(2, 8));
  await library.getByRole('button', { name: `Delete ${HOSTILE}` }).waitFor(WAIT);

  const folder = join(scratch, 'Cook');
  mkdirSync(join(folder, 'checkpoint-5'), { recursive: true });
  for (const [name, bytes] of Object.entries(await sprigAdapter(3))) writeFileSync(join(folder, name), bytes);
  // Deeper in it lies another one, as trainers leave them: the folder's own counts.
  writeFileSync(join(folder, 'checkpoint-5', 'adapter_config.json'), '{}');
  await dragInto(library, folder);
  await library.getByRole('button', { name: 'Delete Cook' }).waitFor(WAIT);
  await expect.poll(() => library.getByRole('listitem').count()).toBe(3);
  expect(await page.locator('main img').count()).toBe(0);
  expect(await page.title()).toMatch(/Use · Graft/);
});

test('what cannot be imported says what is wrong and what to do', async () => {
  const files = await sprigAdapter(4);
  const refused = async (name: string, zip: Files, words: RegExp): Promise<void> => {
    await importZip(name, zip);
    const alert = library.getByRole('alert');
    await alert.waitFor(WAIT);
    await expect.poll(() => alert.innerText()).toMatch(words);
    await library.getByRole('button', { name: 'Put away' }).click();
  };
  await refused(
    'dora.zip',
    changed(files, (config) => (config['use_dora'] = true)),
    /DoRA is not supported.*Use a plain LoRA adapter/s,
  );
  await refused(
    'rank.zip',
    changed(files, (config) => (config['r'] = 16)),
    /lora_A\.weight has the rank 4, and adapter_config\.json says 16/,
  );
  const { 'adapter_model.safetensors': _, ...unweighted } = files;
  await refused('empty.zip', unweighted, /has no adapter_model\.safetensors/);
  const foreign = new TextDecoder('latin1').decode(files['adapter_model.safetensors']);
  const renamed = Uint8Array.from(foreign.replaceAll('layers.0.', 'layers.9.'), (c) => c.charCodeAt(0));
  await refused(
    'other.zip',
    {
      ...changed(files, (config) => (config['base_model_name_or_path'] = 'acme/Oak-1B')),
      'adapter_model.safetensors': renamed,
    },
    /no linear layer.*trained on “acme\/Oak-1B”, and “sprig” is open\..*Open the model/s,
  );
  await expect.poll(() => library.getByRole('listitem').count()).toBe(3);
});

test('of several zips, those that are damaged are named and leave the others', async () => {
  const whole = packZip('adapter', await sprigAdapter(5));
  await library
    .getByLabel('Import a zip')
    .setInputFiles([
      zipFile('First.zip', whole),
      zipFile('Half.zip', whole.subarray(0, whole.length / 2)),
      zipFile('None.zip', new TextEncoder().encode('no zip at all')),
      zipFile('Third.zip', packZip('adapter', await sprigAdapter(6))),
    ]);
  await library.getByRole('button', { name: 'Delete Third' }).waitFor(WAIT);
  await expect
    .poll(() => library.getByRole('alert').innerText())
    .toMatch(/Half could not be unpacked.*None/s);
  await expect.poll(() => library.getByRole('listitem').count()).toBe(5);
  await library.getByRole('button', { name: 'Put away' }).click();
  for (const name of ['First', 'Third']) {
    await library.getByRole('button', { name: `Delete ${name}` }).click();
    await library.getByText(`“${name}” is deleted.`).waitFor();
  }
  // Each can be brought back, whichever was deleted after it; the keyboard goes along.
  const focused = (): Promise<string | null | undefined> =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName,
    );
  await library.getByRole('button', { name: 'Bring it back: First' }).focus();
  await page.keyboard.press('Enter');
  await library.getByRole('button', { name: 'Delete First' }).waitFor();
  await expect.poll(focused).toBe('INPUT');
  await library.getByRole('button', { name: 'Delete First' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(focused).toBe('Bring it back: First');
});

/** Asks both and returns the two answers. */
async function ask(prompt: string): Promise<string[]> {
  await page.getByLabel('Prompt for both').fill(prompt);
  await page.keyboard.press('Enter');
  return answered();
}

async function answered(): Promise<string[]> {
  const turn = page.getByRole('article').last();
  await expect.poll(() => turn.getByText(/tokens\/s|stopped/).count(), WAIT).toBe(2);
  return turn.locator('.text').allInnerTexts();
}

test('two adapters answer side by side, as they write', async () => {
  await page.getByLabel('Left side').selectOption({ label: 'Cook' });
  await library.getByRole('button', { name: 'Chat with it: Bosun' }).click();
  await library.getByRole('button', { name: 'On the right: Bosun' }).waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('chat-prompt');
  // Lengths of the last answer, as they were on the page.
  await page.evaluate(() => {
    const seen = new Set<number>();
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      seen.add(document.querySelector('article:last-of-type .text')?.textContent?.length ?? 0);
    }).observe(document.querySelector('main')!, { childList: true, subtree: true, characterData: true });
  });
  const [left, right] = await ask(QUESTION);
  expect(left).not.toBe(right);
  const lengths = await page.evaluate(() => [...(globalThis as unknown as { seen: Set<number> }).seen]);
  expect(lengths.length).toBeGreaterThan(2);
  const turn = page.getByRole('article').last();
  await expect.poll(() => turn.getByText('Bosun', { exact: true }).count()).toBe(1);
  await expect.poll(() => turn.getByText('Cook', { exact: true }).count()).toBe(1);
  await turn.getByRole('button', { name: 'Show the probabilities' }).first().click();
  await expect
    .poll(() => page.getByRole('table').filter({ hasText: 'Could have been' }).innerText())
    .toMatch(/%/);
  await turn.getByRole('button', { name: 'Show the answer' }).click();
});

test('switching between adapters that were asked before makes nothing on the GPU', async () => {
  const [worker] = page.workers();
  await worker.evaluate(() => {
    const made: string[] = [];
    Object.assign(globalThis, { made });
    for (const name of ['createBuffer', 'createComputePipelineAsync', 'createShaderModule'] as const) {
      const create = GPUDevice.prototype[name] as (...args: unknown[]) => never;
      GPUDevice.prototype[name] = function (this: GPUDevice, ...args: unknown[]) {
        made.push(`${name} ${(args[0] as { label?: string }).label}`);
        return create.apply(this, args);
      };
    }
  });
  const [left, right] = [
    await page.getByLabel('Left side').inputValue(),
    await page.getByLabel('Right side').inputValue(),
  ];
  const before = await page.getByRole('article').last().locator('.text').allInnerTexts();
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByLabel('Left side').selectOption(right);
  await page.getByLabel('Right side').selectOption(left);
  expect(await ask(QUESTION)).toEqual([...before].reverse());
  expect(await worker.evaluate(() => (globalThis as unknown as { made: string[] }).made)).toEqual([]);
});

test('the seed decides; Retry takes the next one; Stop ends an answer', async () => {
  await page.getByText('Sampling', { exact: false }).first().click();
  await page.getByLabel('Temperature', { exact: true }).fill('1.5');
  await page.getByLabel('Longest answer, tokens').fill('12');
  await page.getByLabel('Seed', { exact: true }).fill('7');
  await page.getByRole('button', { name: 'New conversation' }).click();
  const first = await ask(QUESTION);
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByLabel('Seed', { exact: true }).fill('7');
  expect(await ask(QUESTION)).toEqual(first);
  await page.getByRole('button', { name: 'Retry' }).click();
  expect(await answered()).not.toEqual(first);
  await expect.poll(() => page.getByLabel('Seed', { exact: true }).inputValue()).toBe('8');
  await expect.poll(() => page.getByRole('article').count()).toBe(1);

  await page.getByLabel('Temperature', { exact: true }).fill('5');
  await page.getByLabel('Longest answer, tokens').fill('400');
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByLabel('Prompt for both').fill(HOSTILE);
  await page.keyboard.press('Enter');
  const turn = page.getByRole('article').last();
  await expect.poll(() => turn.locator('.text').first().innerText(), WAIT).toMatch(/\S/);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect.poll(() => turn.getByText(/stopped/).count(), WAIT).toBe(2);
  await expect.poll(() => turn.getByText(HOSTILE).count()).toBe(1);
  await page.getByLabel('Temperature', { exact: true }).fill('0');
  await page.getByLabel('Longest answer, tokens').fill('10');
  await page.getByRole('button', { name: 'Retry' }).click();
  await answered();
  expect(await page.locator('main img').count()).toBe(0);
});

test('what is too long is not answered, and does not burden what is asked next', async () => {
  const failed = (words: RegExp): Promise<void> =>
    expect
      .poll(() => page.getByRole('article').last().innerText(), WAIT)
      .toMatch(new RegExp(`${words.source}.*${words.source}`, 's'));
  const send = async (prompt: string): Promise<void> => {
    await page.getByLabel('Prompt for both').fill(prompt);
    await page.keyboard.press('Enter');
  };
  await page.getByRole('button', { name: 'New conversation' }).click();
  const fresh = await ask(QUESTION);
  await page.getByRole('button', { name: 'New conversation' }).click();
  await send('a garden '.repeat(600));
  await failed(/The prompt has \d+ tokens.*Shorten the prompt/s);
  expect(await ask(QUESTION)).toEqual(fresh);
  await send('a garden '.repeat(240));
  await failed(/The conversation has \d+ tokens with this question.*Begin a new conversation/s);
});

test('a zip of the adapter has its card, and comes back dropped, or chosen as the folder that it is', async () => {
  const download = await downloadOf(page, () =>
    library.getByRole('button', { name: 'Download zip of Bosun' }).click(),
  );
  const zip = join(scratch, 'Back again.zip');
  await download.saveAs(zip);
  const files = unzipSync(readFileSync(zip));
  expect(Object.keys(files).sort()).toEqual(
    ['README.md', 'adapter_config.json', 'adapter_model.safetensors'].map((name) => `Bosun/${name}`),
  );
  expect(new TextDecoder().decode(files['Bosun/README.md'])).toMatch(
    /^---\nlibrary_name: peft\nbase_model: "sprig".*\| Rank \| 4 \|/s,
  );
  await dragInto(library, zip);
  await library.getByRole('button', { name: 'Delete Back again' }).waitFor(WAIT);
  const folder = join(scratch, 'From a folder');
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, basename(name)), bytes);
  await library.getByLabel('Import a folder').setInputFiles(folder);
  await library.getByRole('button', { name: 'Delete From a folder' }).waitFor(WAIT);
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByLabel('Left side').selectOption({ label: 'Back again' });
  await page.getByLabel('Right side').selectOption({ label: 'From a folder' });
  const [left, right] = await ask(QUESTION);
  expect(left).toBe(right);
  for (const name of ['Back again', 'From a folder']) {
    await library.getByRole('button', { name: `Delete ${name}` }).click();
    await expect.poll(() => library.getByRole('button', { name: `Delete ${name}` }).count()).toBe(0);
  }
  // What a side was is deleted: it is the base model again.
  await expect.poll(() => page.getByLabel('Left side').inputValue()).toBe('base');
});

test('a name and a note are changed, and a deleted adapter comes back', async () => {
  const row = library
    .getByRole('listitem')
    .filter({ has: page.getByRole('button', { name: 'Delete Cook' }) });
  await row.getByLabel('Note on Cook').fill('from the galley');
  await page.keyboard.press('Enter');
  await row.getByLabel('Name', { exact: true }).fill('First cook');
  await page.keyboard.press('Enter');
  await library.getByRole('button', { name: 'Delete First cook' }).click();
  await library.getByRole('button', { name: 'Bring it back: First cook' }).click();
  await library.getByRole('button', { name: 'Delete First cook' }).waitFor(WAIT);
  await expect.poll(() => library.getByLabel('Note on First cook').inputValue()).toBe('from the galley');
  expect(await inspect(page, 'chat')).toEqual([]);
});

test('an evaluation can be stopped, and takes a second adapter; the base model, which costs nothing, comes first', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).getByText('360 rows').waitFor(WAIT);
  await goTo(page, 'evaluate');
  await page.getByLabel('Adapter', { exact: true }).selectOption({ label: 'First cook' });
  await page.getByLabel('A second adapter').selectOption({ label: HOSTILE });
  await page.getByLabel('Rows').fill('40');
  const compare = page.getByRole('button', { name: 'Compare with the base model' });
  await compare.click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect.poll(() => compare.isEnabled(), WAIT).toBe(true);
  await expect.poll(() => page.getByRole('table').count()).toBe(0);
  await expect.poll(() => page.getByRole('alert').count()).toBe(0);

  await page.getByLabel('Rows').fill('3');
  await compare.click();
  await page.getByRole('table').waitFor(WAIT);
  const table = await page.getByRole('table').getByRole('row').allInnerTexts();
  // Rules come before any model, where one of them is ever right.
  const rows = table.filter((row) => !/^(Most frequent answer|Nearest row)/.test(row));
  expect(rows).toHaveLength(4);
  expect(rows[1]).toMatch(/^Base model/);
  expect(rows[2]).toMatch(/^First cook/);
  expect(rows[3]).toContain(HOSTILE);
  // Made of random numbers, they cannot be better: the verdict says so.
  await expect.poll(() => page.locator('h1').innerText()).toMatch(/^(Tuning did not help|No gain)/);
  await expect.poll(() => page.getByRole('heading', { name: 'The answers, side by side' }).count()).toBe(1);
  expect(await inspect(page, 'two-adapters')).toEqual([]);
  expect(studio.problems).toEqual([]);
});

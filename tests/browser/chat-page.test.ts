/** The chat page that `graft export --format page` writes, as a visitor opens it: from a static host, as a file, and without a network. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { chatPageProgram } from '../../src/cli/chat-page.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { folder, writeWhole } from '../../src/cli/files.ts';
import { generateCommand } from '../../src/cli/generate.ts';
import { chatPageFiles } from '../../src/export/chat-page/write.ts';
import { greedy } from '../../src/model/sampling.ts';
import { SPRIG } from '../engine/sprig.ts';
import { closePages, openChromium, openStudio } from './chromium.ts';
import { downloadOf, inspect } from './looks.ts';
import { serveDist, type Site } from './site.ts';

const ADAPTER = join(import.meta.dirname, '../reference/peft/adapter');
const QUESTION = 'Where do earthworms live?';
/** Where the page is on its host. */
const PLACE = 'garden/chat/';

let root: string;
let site: Site;
let expected: string;

async function run(command: typeof exportCommand, ...args: string[]): Promise<string> {
  let text = '';
  const nothing = { line: () => undefined, progress: () => undefined, clear: () => undefined };
  await command(args, { ...nothing, result: (piece: string | Uint8Array) => void (text += String(piece)) });
  return text;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'graft-chat-page-'));
  const model = ['--model', SPRIG, '--adapter', ADAPTER];
  await run(exportCommand, ...model, '--format', 'page', '--out', join(root, PLACE));
  expected = await run(generateCommand, ...model, '--device', 'cpu', '--prompt', QUESTION);
  site = await serveDist([], { plain: true, folder: root });
});
afterEach(closePages);
afterAll(async () => {
  await site.close();
  rmSync(root, { recursive: true, force: true });
});

/** Asks in a page that has loaded its model. @returns the answer, when it is whole */
async function ask(page: Page, question: string): Promise<string> {
  await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).waitFor();
  const before = await page.getByRole('button', { name: 'Copy the answer' }).count();
  await page.getByLabel('Your message').fill(question);
  await page.getByLabel('Your message').press('Enter');
  await page.getByRole('button', { name: 'Copy the answer' }).nth(before).waitFor();
  return (await page.locator('.answer .text').last().textContent())!;
}

test('a page in a subfolder answers as graft generate does, and asks nobody for anything', async () => {
  const address = `${site.address}${PLACE}`;
  const { page, problems, requests } = await openStudio(await openChromium(), {}, address);
  expect(`${await ask(page, QUESTION)}\n`).toBe(expected);
  // What is written is text, also in a name of a tag.
  await ask(page, '<b id="hostile">bold</b>');
  expect(await page.locator('#hostile').count()).toBe(0);
  expect(requests.filter((url) => !url.startsWith('blob:'))).toEqual([address]);
  expect(site.requests).toEqual([`/${PLACE}`]);
  await page.getByText('Settings').click();
  await page.getByText('About this model').click();
  await page.getByText('Licences of the program').click();
  await page.getByText('@huggingface/tokenizers').waitFor();
  expect(await inspect(page, 'chat-page')).toEqual([]);
  // The log is off at first. It keeps what follows, in this browser only.
  expect(await page.getByRole('button', { name: 'Good answer' }).count()).toBe(0);
  await page.getByLabel('Keep questions and answers in this browser').check();
  await page.getByRole('button', { name: 'New conversation' }).click();
  await ask(page, QUESTION);
  await page.getByRole('button', { name: 'Good answer' }).click();
  const saved = await downloadOf(page, () => page.getByRole('button', { name: 'Save the log' }).click());
  expect(saved.suggestedFilename()).toBe('adapter-log.jsonl');
  const rows = readFileSync(await saved.path(), 'utf8')
    .trim()
    .split('\n');
  expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual([
    {
      messages: [
        { role: 'user', content: QUESTION },
        { role: 'assistant', content: expected.trimEnd() },
      ],
      finish_reason: 'stop',
      thumb: 'up',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown,
    },
  ]);
  // A setting that cannot be is refused with the question kept.
  await page.getByLabel('Temperature').fill('-1');
  await page.getByLabel('Your message').fill(QUESTION);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('alert').getByText('Temperature is -1.').waitFor();
  expect(await page.getByLabel('Your message').inputValue()).toBe(QUESTION);
  await page.getByLabel('Temperature').fill('0');
  await page.getByRole('button', { name: 'New conversation' }).click();
  expect(`${await ask(page, QUESTION)}\n`).toBe(expected);
  expect(problems).toEqual([]);
});

test('the same file answers when it is opened from a disk', async () => {
  const address = pathToFileURL(join(root, PLACE, 'index.html')).href;
  const { page, problems, requests } = await openStudio(await openChromium(), {}, address);
  expect(`${await ask(page, QUESTION)}\n`).toBe(expected);
  expect(requests.filter((url) => !url.startsWith('blob:'))).toEqual([address]);
  expect(problems).toEqual([]);
});

test('a page with its weights in pieces fetches them once, and opens again without its server', async () => {
  const files = await Promise.all(
    ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map(async (name) => ({
      ...{ folder: 'model' as const, name, source: (await folder(SPRIG).open(name))! },
      isWeights: name.endsWith('.safetensors'),
    })),
  );
  const settings = {
    ...{ name: 'Pieces', about: '', card: '', afterPrompt: '' },
    defaults: { sampling: greedy, maxNewTokens: 128, stopStrings: [] },
  };
  for (const { name, read } of chatPageFiles(await chatPageProgram(), settings, files, 'id', 0))
    await writeWhole(join(root, 'pieces', name), read());
  const host = await serveDist([], { plain: true, folder: join(root, 'pieces') });
  const { page, problems } = await openStudio(await openChromium(), { serviceWorker: true }, host.address);
  const text = await ask(page, QUESTION);
  const weights = '/model.safetensors.id.001.bin';
  expect(host.requests.filter((path) => path === weights)).toHaveLength(1);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  expect(problems).toEqual([]);
  await host.close();
  await page.reload();
  expect(await ask(page, QUESTION)).toBe(text);
  expect(host.requests.filter((path) => path === weights)).toHaveLength(1);
});

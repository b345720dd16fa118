/**
 * Models from the hub: found, downloaded, paused, resumed, and used without a network. The hub is a test server that speaks its protocol.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { referencePath } from '../engine/reference-file.ts';
import { TOKEN, type HubRepo } from '../hub-server.ts';
import { sprigAdapter } from './adapter-files.ts';
import { askAnew } from './answers.ts';
import type { WatchedPage } from './chromium.ts';
import { onnxOnly, vectorsKept } from './documents.ts';
import { download, find, folders, HubBench, kept, models, region, row, sprig } from './hub.ts';
import { tabTo } from './keyboard.ts';
import { goTo, inspect, PICTURES, WAIT } from './looks.ts';
import { sprigGguf } from './model-files.ts';

/** What no test fetches. */
const quantised: HubRepo = {
  licence: 'mit',
  files: { 'seed-Q8_0.gguf': new Uint8Array(60_000), 'seed-Q4_0.gguf': new Uint8Array(32_000) },
};

/** A small random encoder in the place of MiniLM. */
const encoder: HubRepo = {
  licence: 'apache-2.0',
  files: Object.fromEntries(
    [
      ...['config.json', 'model.safetensors', 'modules.json', 'sentence_bert_config.json'],
      ...['tokenizer.json', 'tokenizer_config.json', '1_Pooling/config.json'],
    ].map((name) => [name, new Uint8Array(readFileSync(referencePath('encoders', 'mean', name)))]),
  ),
};

const rowsOf = (count: number): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(
    Array.from({ length: count }, (_, n) =>
      JSON.stringify({ prompt: `What is ${count} and ${n}?`, completion: `It is ${count + n}.`, id: n }),
    ).join('\n'),
  );

/** The size of all its files but the weights: once more than this has come, a part of the weights is here. */
const bytesOfCompanions = ({ files }: HubRepo): number =>
  Object.entries(files).reduce(
    (sum, [name, { length }]) => sum + (name === 'model.safetensors' ? 0 : length),
    0,
  );

let bench: HubBench;
let studio: WatchedPage;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  bench = await HubBench.start({
    'tiny/sprig': sprig,
    'tiny/seed': quantised,
    'tiny/sprig-gguf': { files: { 'Sprig-F16.gguf': await sprigGguf(), 'README.md': new Uint8Array(40) } },
    'HuggingFaceTB/SmolLM2-135M-Instruct': sprig,
    'sentence-transformers/all-MiniLM-L6-v2': encoder,
    'datasets/tiny/rows': {
      licence: 'cc-by-4.0',
      files: { 'data/train.jsonl': rowsOf(400), 'data/test.jsonl': rowsOf(12) },
    },
  });
});
afterAll(() => bench.close());
beforeEach(() => bench.hub.reset());

const counter = (page: Page): Promise<string> =>
  page.getByRole('button', { name: /^Requests since load/ }).innerText();

describe('a model of the hub', () => {
  beforeAll(async () => {
    studio = await bench.visit({ serviceWorker: true });
  });
  afterAll(() => studio.close());

  test('is asked for only when somebody presses', async () => {
    const { page, requests } = studio;
    await expect.poll(() => counter(page)).toMatch(/: 0 to others/);
    expect(bench.hub.requests).toEqual([]);
    expect(requests.every((url) => url.startsWith(bench.site.address) || url.startsWith('blob:'))).toBe(true);
  });

  test('shows its files and sizes before the download, by keyboard', async () => {
    const { page } = studio;
    await page.locator('h1').focus();
    await tabTo(page, /^Model$/);
    await page.keyboard.type('tiny/sprig');
    await page.keyboard.press('Enter');
    const plan = page.getByRole('region', { name: 'tiny/sprig' });
    await plan.waitFor(WAIT);
    await expect
      .poll(() => plan.innerText())
      .toMatch(/safetensors, as published\s+[\d.]+ MiB, licence apache-2\.0/);
    await expect.poll(() => plan.innerText()).toMatch(/There is room for/);
    await tabTo(page, /^\d files$/);
    await page.keyboard.press('Enter');
    await expect
      .poll(() => plan.getByRole('row').filter({ hasText: 'model.safetensors' }).innerText())
      .toMatch(/MiB\s+checksum/);
    // The page requested the listing and nothing else.
    expect(bench.hub.requests.map(({ path }) => path)).toEqual([expect.stringMatching(/^\/api\/models/)]);
    await expect.poll(() => counter(page)).toMatch(/: 1 to others/);
  });

  test('is downloaded with progress, pauses, resumes after a reload, and is kept', async () => {
    const { page, problems } = studio;
    bench.slow();
    await tabTo(page, /^Download/);
    await page.keyboard.press('Enter');
    const coming = row(page, 'tiny/sprig');
    await expect
      .poll(() => coming.innerText(), WAIT)
      .toMatch(/[\d.]+ [KM]iB of [\d.]+ MiB, [\d.]+ KiB\/s, \d+ (s|min).* left/);
    await expect
      .poll(async () => Number(await coming.getByRole('progressbar').getAttribute('value')), WAIT)
      .toBeGreaterThan(bytesOfCompanions(sprig) + 10_000);
    await expect
      .poll(() => page.getByRole('contentinfo').textContent())
      .toMatch(/Downloading tiny\/sprig, \d+%/);
    expect(await inspect(page, 'hub-coming')).toEqual([]);
    await coming.getByRole('button', { name: 'Pause the download' }).click();
    await expect.poll(() => coming.innerText(), WAIT).toMatch(/stopped at/);
    await coming.getByRole('button', { name: 'Resume the download' }).click();
    await coming.getByRole('button', { name: 'Pause the download' }).waitFor(WAIT);
    await expect
      .poll(() => bench.ranges(), WAIT)
      .toContainEqual(expect.stringMatching(/^bytes=[1-9]\d{4,}-$/));

    // The tab closes in the middle of it.
    await page.reload();
    bench.hub.reset();
    await row(page, 'tiny/sprig').getByRole('button', { name: 'Resume the download' }).click(WAIT);
    await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/is here/);
    expect(bench.ranges()).toEqual([expect.stringMatching(/^bytes=[1-9]\d{4,}-$/)]);
    await expect
      .poll(() => kept(page).innerText())
      .toMatch(
        /tiny\/sprig\s+In this browser: from localhost:\d+\/tiny\/sprig, commit [0-9a-f]{7}, kept .*\s[\d.]+ MiB\s.*apache-2\.0/s,
      );
    await expect.poll(() => folders(page)).toBe(1);
    expect(problems.filter((problem) => !problem.includes('/lfs/'))).toEqual([]);
  });

  test('opens with the network cut, also after a reload', async () => {
    const { page } = studio;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, WAIT);
    await page.context().setOffline(true);
    await page.reload();
    await kept(page).getByRole('button', { name: 'Open tiny/sprig' }).click(WAIT);
    await expect.poll(() => kept(page).innerText(), WAIT).toMatch(/Is open/);
    await goTo(page, 'use');
    await page.getByLabel('Prompt for both').fill('What grows in bed 3?');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.getByRole('button', { name: 'Show the probabilities' }).count(), WAIT)
      .toBeGreaterThan(0);
    await expect.poll(() => counter(page)).toMatch(/: 0 to others, 0 to its own server/);

    // Without a network the hub cannot be asked, and the page says so.
    await goTo(page, 'task');
    await find(page, 'tiny/seed');
    await region(page).getByRole('alert').waitFor(WAIT);
    await expect
      .poll(() => region(page).getByRole('alert').innerText())
      .toMatch(/offline|could not be reached/);
    await page.context().setOffline(false);
    await region(page).getByRole('button', { name: 'Put away' }).click();
  });

  test('can be one of several that its folder has', async () => {
    const { page } = studio;
    await find(page, `${bench.hub.address}/tiny/seed`);
    const plan = page.getByRole('region', { name: /^2 ways to have/ });
    await plan.waitFor(WAIT);
    const rows = await plan.locator('ul > li').allInnerTexts();
    expect(rows.map((text) => /^\S+/.exec(text)?.[0])).toEqual(['seed-Q4_0.gguf', 'seed-Q8_0.gguf']);
    await expect
      .poll(() => plan.getByRole('button', { name: 'Download: seed-Q8_0.gguf' }).isEnabled())
      .toBe(true);
    await find(page, `${bench.hub.address}/tiny/seed/resolve/main/seed-Q8_0.gguf`);
    await expect
      .poll(
        () =>
          region(page)
            .getByRole('button', { name: /^Download: seed/ })
            .count(),
        WAIT,
      )
      .toBe(1);
    expect(await inspect(page, 'hub-found')).toEqual([]);
  });

  test('is downloaded as a GGUF file, and answers as its folder does', async () => {
    const { page } = studio;
    // The folder's model is open.
    const answer = await askAnew(page, 'What grows in bed 3?');
    await goTo(page, 'task');
    await download(page, 'tiny/sprig-gguf');
    await expect.poll(() => row(page, 'tiny/sprig-gguf').innerText(), WAIT).toMatch(/is here/);
    const file = kept(page).filter({ hasText: 'Sprig-F16' });
    await file.getByRole('button', { name: /^Open/ }).click(WAIT);
    await expect.poll(() => file.innerText(), WAIT).toMatch(/Is open/);
    expect(await askAnew(page, 'What grows in bed 3?')).toEqual(answer);
    expect(bench.hub.requests.some(({ path }) => path.includes('README'))).toBe(false);
  });
});

describe('the encoder of documents', () => {
  const MINILM = 'sentence-transformers/all-MiniLM-L6-v2';
  beforeAll(async () => {
    studio = await bench.visit({ serviceWorker: true });
  });
  afterAll(() => studio.close());

  test('is offered with size and licence, resumes its download, and finds documents without a network, as ONNX Runtime does', async () => {
    const { page, problems } = studio;
    const offer = page.getByRole('region', { name: 'An encoder for documents' });
    await expect
      .poll(() => offer.innerText(), WAIT)
      .toMatch(/all-MiniLM-L6-v2 8[67]\.\d MiB, licence apache-2\.0/);
    bench.hub.fail(/^\/lfs/, { slow: { chunk: 2000, ms: 500 } }, 9);
    await offer.getByRole('button', { name: 'Fetch it from the hub' }).click();
    const far = row(page, MINILM).getByRole('progressbar');
    await expect
      .poll(async () => Number(await far.getAttribute('value')), WAIT)
      .toBeGreaterThan(bytesOfCompanions(encoder));
    await row(page, MINILM).getByRole('button', { name: 'Pause the download' }).click();
    await expect.poll(() => row(page, MINILM).innerText(), WAIT).toMatch(/stopped at/);
    bench.hub.reset();
    await row(page, MINILM).getByRole('button', { name: 'Resume the download' }).click();
    await expect.poll(() => row(page, MINILM).innerText(), WAIT).toMatch(/is here, for documents/);
    expect(bench.ranges()).toContainEqual(expect.stringMatching(/^bytes=[1-9]\d*-$/));
    await offer.getByText(`In this browser: ${MINILM}.`).waitFor(WAIT);
    expect(await inspect(page, 'task-encoder')).toEqual([]);

    await goTo(page, 'documents');
    await page.getByLabel('Add files').setInputFiles({
      name: 'beds.md',
      mimeType: 'text/markdown',
      buffer: Buffer.from('Beans need warmth. Sow beans in May.\n'),
    });
    await page.getByRole('button', { name: 'beds.md', exact: true }).waitFor(WAIT);
    const use = page.getByRole('button', { name: `Use ${MINILM}` });
    await use.click();
    const complete = (chunks: string): Promise<void> => page.getByText(`all ${chunks} one.`).waitFor(WAIT);
    await complete('1 chunk has');
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, WAIT);
    // Another encoder, as ONNX only: what runs it is kept when it is opened first.
    await page.getByRole('button', { name: 'Search by words only' }).click();
    const temporary = mkdtempSync(join(tmpdir(), 'graft-hub-'));
    await page.getByLabel('Choose its folder').setInputFiles(onnxOnly(temporary));
    await page.getByText(/^ONNX Runtime computes it/).waitFor(WAIT);
    await complete('1 chunk has');
    rmSync(temporary, { recursive: true, force: true });

    await page.context().setOffline(true);
    await page.reload();
    await page.getByRole('button', { name: 'beds.md', exact: true }).waitFor(WAIT);
    await expect.poll(() => page.locator('select:has(option[value=cosine])').inputValue()).toBe('cosine');
    const search = async (): Promise<string> => {
      await page.getByLabel('Question or words').fill('When are beans sown?');
      await page.getByRole('button', { name: 'Search', exact: true }).click();
      await page.getByRole('heading', { name: /^2 passages for/ }).waitFor(WAIT);
      return page.locator('[data-hit]').first().innerText();
    };
    await page.getByLabel('Add files').setInputFiles({
      name: 'paths.md',
      mimeType: 'text/markdown',
      buffer: Buffer.from('Gravel keeps the paths between the beds dry.\n'),
    });
    await complete('2 chunks have');
    const [theirs, theirFirst] = [await vectorsKept(page), await search()];
    // Graft's own engine makes the same vectors, from the safetensors of the hub.
    await use.click();
    await page.getByText('Graft’s own engine computes it.').waitFor(WAIT);
    await complete('2 chunks have');
    const own = await vectorsKept(page);
    expect(own.length).toBe(theirs.length);
    theirs.forEach((value, i) => expect(Math.abs(value - own[i])).toBeLessThan(1e-5));
    expect(await search()).toBe(theirFirst);
    expect(problems.filter((problem) => !problem.includes('/lfs/'))).toEqual([]);
  });
});

describe('models that suit a browser', () => {
  beforeAll(async () => {
    studio = await bench.visit();
  });
  afterAll(() => studio.close());
  const entry = (page: Page, id: string): Locator => models(page).getByRole('row').filter({ hasText: id });
  const SMOL = 'HuggingFaceTB/SmolLM2-135M-Instruct';

  test('are listed with the memory that each would take, and no time before one was measured', async () => {
    const { page } = studio;
    await models(page).scrollIntoViewIfNeeded();
    await expect.poll(() => models(page).getByRole('row').count()).toBe(10);
    const cells = (id: string): Promise<string[]> => entry(page, id).getByRole('cell').allInnerTexts();
    await expect
      .poll(async () => (await cells(SMOL)).slice(0, 4).join(' | '), WAIT)
      .toMatch(/^257 MiB \| [\d.]+ [MG]iB\s+[\d.]+ MiB in 4 bits \| – \| apache-2\.0$/);
    await expect
      .poll(async () => (await cells('Sprig')).slice(0, 4).join(' | '), WAIT)
      .toMatch(/^2\.6 MiB \| [\d.]+ MiB\s+[\d.]+ MiB in 4 bits \| – \| apache-2\.0$/);
    await expect.poll(() => models(page).innerText()).toMatch(/Training was not measured on this CPU yet/);
    const names = (): Promise<string[]> =>
      models(page).getByRole('rowheader').locator('b:first-child').allInnerTexts();
    expect((await names())[0]).toBe('Sprig');
    const size = models(page).getByRole('columnheader', { name: 'Size' });
    expect(await size.getAttribute('aria-sort')).toBe('ascending');
    await size.getByRole('button').press('Enter');
    await expect.poll(() => size.getAttribute('aria-sort')).toBe('descending');
    expect((await names())[0]).toBe('meta-llama/Llama-3.2-1B-Instruct');
    await expect
      .poll(() => entry(page, 'google/gemma-3-270m-it').innerText())
      .toMatch(/accepted on the hub; unsloth\/gemma-3-270m-it is a copy/s);
    // No request went anywhere else.
    expect(bench.hub.requests).toEqual([]);
    await expect.poll(() => counter(page)).toMatch(/: 0 to others/);
  });

  test('get a time from a measurement, which stays', async () => {
    const { page, problems } = studio;
    await models(page).getByRole('button', { name: 'Measure it' }).click();
    await models(page).getByRole('button', { name: 'Stop' }).waitFor();
    await models(page)
      .getByText(/^\d of \d parts$/)
      .waitFor(WAIT);
    await models(page).getByRole('button', { name: 'Measure again' }).waitFor({ timeout: 240_000 });
    const time = /about \d+ (s|min|h)/;
    await expect.poll(() => models(page).innerText()).toMatch(/Measuring took \d+ (s|min)/);
    await expect.poll(() => entry(page, 'openai-community/gpt2').innerText(), WAIT).toMatch(time);
    await page.reload();
    await models(page).scrollIntoViewIfNeeded();
    await expect.poll(() => entry(page, SMOL).innerText(), WAIT).toMatch(time);
    expect(await inspect(page, 'hub-curated')).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('are downloaded with a press', async () => {
    const { page } = studio;
    bench.hub.repos.set(SMOL, sprig);
    await entry(page, SMOL)
      .getByRole('button', { name: `Download ${SMOL}` })
      .click();
    await expect.poll(() => row(page, SMOL).innerText(), WAIT).toMatch(/is here/);
    await expect
      .poll(
        () =>
          models(page)
            .getByRole('button', { name: `Open ${SMOL}` })
            .count(),
        WAIT,
      )
      .toBe(1);
    await expect
      .poll(() =>
        models(page)
          .getByRole('button', { name: `Download ${SMOL}` })
          .count(),
      )
      .toBe(0);
  });
});

describe('a data set of the hub', () => {
  beforeAll(async () => {
    studio = await bench.visit();
    await goTo(studio.page, 'data');
  });
  afterAll(() => studio.close());

  test('is looked for by its id, and says so while the machine is offline', async () => {
    const { page } = studio;
    await page.getByRole('button', { name: 'From the hub' }).click();
    await page.context().setOffline(true);
    await page.getByText('This machine is offline.').waitFor(WAIT);
    await page.getByLabel('Data set', { exact: true }).fill('tiny/rows');
    expect(await page.getByRole('button', { name: 'Find', exact: true }).isDisabled()).toBe(true);
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Find', exact: true }).click(WAIT);
    const asked = page.getByRole('form', { name: 'Files of tiny/rows' });
    await asked.getByText(/^2 files of rows, licence cc-by-4\.0\./).waitFor(WAIT);
    expect(await asked.getByLabel('Open test.jsonl as').inputValue()).toBe('test');
    expect(bench.hub.requests.map(({ path }) => path)).toEqual([expect.stringMatching(/^\/api\/datasets/)]);
    expect(await inspect(page, 'hub-rows')).toEqual([]);
  });

  test('is downloaded, pauses, continues, and opens as rows and test rows', async () => {
    const { page, problems } = studio;
    bench.slow(1500);
    const asked = page.getByRole('form', { name: 'Files of tiny/rows' });
    await asked.getByRole('button', { name: /^Download and open 2 files/ }).click();
    await asked.getByText(/train\.jsonl: [\d.]+ KiB of /).waitFor(WAIT);
    await asked.getByRole('button', { name: 'Pause' }).click();
    const begun = page.getByRole('region', { name: 'Unfinished downloads' });
    await begun.getByText(/[KM]iB of [\d.]+ KiB/).waitFor(WAIT);
    bench.hub.reset();
    await begun.getByRole('button', { name: 'Resume the download of tiny/rows' }).click();
    await page.getByRole('heading', { name: '412 rows' }).waitFor(WAIT);
    expect(bench.ranges()).toContainEqual(expect.stringMatching(/^bytes=[1-9]\d+-$/));
    await page.getByText('all rows of test.jsonl').waitFor(WAIT);
    await expect.poll(() => begun.count()).toBe(0);
    expect(problems.filter((problem) => !problem.includes('/lfs/'))).toEqual([]);
  });
});

describe('an adapter of the hub', () => {
  const library = (): Locator => studio.page.getByRole('region', { name: 'Adapters', exact: true });
  const push = (): Locator => library().getByRole('region', { name: 'Push of Bosun' });

  beforeAll(async () => {
    studio = await bench.visit();
    await goTo(studio.page, 'use');
    bench.hub.repos.set('tiny/Bosun', { files: await sprigAdapter(1) });
    await library().getByRole('button', { name: 'From the hub' }).click(WAIT);
    await library().getByLabel('Adapter on the hub').fill('tiny/seed');
    await library().getByRole('button', { name: 'Import it' }).click(WAIT);
    await library()
      .getByText(/tiny\/seed has no PEFT adapter/)
      .waitFor(WAIT);
    await library().getByLabel('Adapter on the hub').fill('tiny/Bosun');
    await library().getByRole('button', { name: 'Import it' }).click(WAIT);
    await library().getByRole('button', { name: 'Push to the hub: Bosun' }).click(WAIT);
    bench.hub.reset();
  });
  afterAll(() => studio.close());

  test('comes in by its id, and is listed for a push with sizes and checksums before anything is asked', async () => {
    const { page } = studio;
    const sent = push().getByRole('table', { name: 'What is sent' });
    await sent.waitFor(WAIT);
    expect(await sent.getByRole('rowheader').allInnerTexts()).toEqual([
      'adapter_config.json',
      'README.md',
      'adapter_model.safetensors',
      'SHA256SUMS',
    ]);
    const text = await sent.innerText();
    expect(text.match(/\b[0-9a-f]{64}\b/g)).toHaveLength(4);
    expect(bench.hub.requests).toEqual([]);
    expect(
      await push()
        .getByRole('button', { name: /^Push to/ })
        .isDisabled(),
    ).toBe(true);
    expect(await inspect(page, 'share')).toEqual([]);
  });

  test('is refused with a reason, and the token is forgotten', async () => {
    await push().getByLabel('Repository').fill('me/my mails!');
    await push()
      .getByLabel(/^Access token/)
      .fill('hf_wrong');
    await push()
      .getByText(/only, not a space\./)
      .waitFor(WAIT);
    await push().getByLabel('Repository').fill('me/bosun');
    await push()
      .getByRole('button', { name: /^Push to/ })
      .click();
    await push()
      .getByText(/does not accept the token \(401\)/)
      .waitFor(WAIT);
    expect(
      await push()
        .getByLabel(/^Access token/)
        .inputValue(),
    ).toBe('');
    expect(bench.hub.repos.has('me/bosun')).toBe(false);
  });

  test('is pushed to a new private repository, whose files have the checksums', async () => {
    const { page, problems } = studio;
    await push()
      .getByLabel(/^Access token/)
      .fill(TOKEN);
    await push()
      .getByRole('button', { name: /^Push to/ })
      .click();
    await push().getByText('4 files are sent to a new repository.').waitFor(WAIT);
    const { files, private: isPrivate } = bench.hub.repos.get('me/bosun')!;
    expect(isPrivate).toBe(true);
    const sums = new TextDecoder().decode(files['SHA256SUMS']);
    for (const name of ['adapter_config.json', 'README.md', 'adapter_model.safetensors'])
      expect(sums).toContain(`${createHash('sha256').update(files[name]).digest('hex')}  ${name}\n`);
    expect(new TextDecoder().decode(files['README.md'])).toContain('| Licence of the base | apache-2.0 |');
    expect(
      await push()
        .getByLabel(/^Access token/)
        .inputValue(),
    ).toBe('');
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    expect(kept).not.toContain(TOKEN);
    expect(problems.filter((problem) => !problem.includes('401'))).toEqual([]);
  });
});

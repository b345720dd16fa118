/** Documents of a project on the page: read, searched by words and by meaning, stopped and continued, and made into questions and rows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memorySource } from '../../src/weights/bytes.ts';
import { openSafetensors } from '../../src/weights/safetensors.ts';
import { floats, graftHere } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { namedFontPdf, tinyPdf } from '../unit/retrieval/tiny-pdf.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { leastCosine, onnxOnly, vectorsKept } from './documents.ts';
import { allowSteps, engineOf, holdReads } from './gate.ts';
import { downloadOf, goTo, inspect, WAIT } from './looks.ts';
import { writePhraseModel } from './phrase-model.ts';

/** Numbers of a vector. */
const SIZE = 32;

let studio: WatchedPage;
let page: Page;
const temporary = mkdtempSync(join(tmpdir(), 'graft-documents-'));
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(async () => {
  await closePages();
  rmSync(temporary, { recursive: true, force: true });
});

const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();

const search = async (words: string): Promise<void> => {
  await page.getByLabel('Question or words').fill(words);
  await press('Search');
};

test('documents are read but for the broken one, which is named, and a search opens a passage in its page', async () => {
  await goTo(page, 'documents');
  await page.getByText(/^No documents yet/).waitFor(WAIT);
  expect(await inspect(page, 'documents-empty')).toEqual([]);
  const plan = tinyPdf([['The first bed has onions.'], ['The second bed has marrows.']]);
  // Its font is in no file: the app brings the map of its codes.
  const japanese = namedFontPdf('90ms-RKSJ-H', 'Japan1', ['8eed82f082dc82ad8142']);
  const beans = 'Beans need warmth. Sow beans in May.\n\n<img src=x onerror="window.hurt = 1">\n';
  await page.getByLabel('Add files').setInputFiles([
    { name: 'plan.pdf', mimeType: 'application/pdf', buffer: Buffer.from(plan) },
    { name: 'beans.md', mimeType: 'text/markdown', buffer: Buffer.from(beans) },
    { name: 'mame.pdf', mimeType: 'application/pdf', buffer: Buffer.from(japanese) },
    { name: 'broken.pdf', mimeType: 'application/pdf', buffer: Buffer.from('This is no PDF.') },
  ]);
  await page.getByText('3 documents added, 1 file not read.').waitFor(WAIT);
  await page.getByText(/broken\.pdf cannot be read as a PDF/).waitFor();

  await page.getByText('How texts are divided').click();
  await page.getByLabel('Chunks end at').selectOption('pages');
  await press('Divide again');
  await page.getByText('2 pages · 2 chunks').waitFor(WAIT);
  await search('marrows');
  await page.getByRole('button', { name: /^1\. plan\.pdf\s*page 2/ }).click();
  const view = page.getByRole('region', { name: 'plan.pdf', exact: true });
  await expect.poll(() => view.locator('mark').first().innerText()).toBe('The second bed has marrows.');
  await view.getByText('Chunk 2 of 2, page 2').waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('plan.pdf');
  await view.getByRole('button', { name: 'Show its tokens' }).click();
  await view.getByRole('group', { name: 'Tokens of the chunk' }).locator('code').first().waitFor(WAIT);
  expect(await inspect(page, 'documents')).toEqual([]);
  await view.getByRole('button', { name: 'Close' }).click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toMatch(/plan\.pdf/);

  await page.getByRole('button', { name: 'mame.pdf', exact: true }).click();
  await page
    .getByRole('region', { name: 'mame.pdf', exact: true })
    .getByText('種をまく。')
    .first()
    .waitFor(WAIT);
  await page.getByRole('button', { name: 'Remove mame.pdf' }).click();
  await press('Remove it');

  // Text of a document is text.
  await search('warmth');
  await page.getByRole('button', { name: /^1\. beans\.md/ }).click();
  await page.getByRole('region', { name: 'beans.md', exact: true }).getByText('onerror').first().waitFor();
  expect(await page.evaluate(() => 'hurt' in window)).toBe(false);
  expect(studio.problems).toEqual([]);
});

test('pasted HTML becomes a document with the name that the person gives', async () => {
  await press('Paste text');
  await page.getByLabel('Text of the document').fill('<h2>Prices</h2><p>Quinces cost two coins.</p>');
  await page.getByLabel('Name', { exact: true }).fill('prices');
  await expect.poll(() => page.getByLabel('Read as').inputValue()).toBe('html');
  await press('Add the document');
  await page.getByText('1 document added.').waitFor(WAIT);
  await search('quinces');
  await page.getByRole('button', { name: /^1\. prices\.html/ }).waitFor(WAIT);
  expect(await page.locator('[data-hit] .words').first().innerText()).not.toContain('<p>');
  await page.getByRole('button', { name: 'Remove prices.html' }).click();
  await press('Remove it');
  await page
    .getByRole('button', { name: 'prices.html', exact: true })
    .waitFor({ ...WAIT, state: 'detached' });
});

test('documents are there after a reload, get vectors of an encoder, and go when they are removed', async () => {
  await page.reload();
  await page.getByRole('button', { name: 'beans.md', exact: true }).waitFor(WAIT);
  await page.getByLabel('Choose its folder').setInputFiles(referencePath('encoders', 'mean'));
  await page.getByText(/all \d chunks have one/).waitFor(WAIT);
  await expect.poll(() => page.locator('select:has(option[value=cosine])').inputValue()).toBe('cosine');
  await search('Where do marrows grow?');
  await page.getByRole('heading', { name: /^\d passages for/ }).waitFor(WAIT);
  await page.getByText('Graft’s own engine computes it.').waitFor();
  const own = await vectorsKept(page);

  const int8 = page.getByRole('checkbox', { name: 'Weights in 8 bits (int8)' });
  await int8.check();
  await page.getByRole('button', { name: 'Compute all vectors in int8' }).waitFor();
  expect(await inspect(page, 'documents-encoder')).toEqual([]);
  await press('Compute all vectors in int8');
  await page.getByText('Graft’s own engine computes it, with weights in int8.').waitFor(WAIT);
  await page.getByText(/all \d chunks have one/).waitFor(WAIT);
  const cosine = leastCosine(await vectorsKept(page), own, SIZE);
  expect(cosine).toBeGreaterThan(0.99);
  expect(cosine).toBeLessThan(1 - 1e-6);

  // The same encoder without its safetensors: Transformers.js runs its ONNX file as it is, from the app's own files.
  await press('Search by words only');
  await page.getByLabel('Choose its folder').setInputFiles(onnxOnly(temporary));
  await page.getByText(/^ONNX Runtime computes it/).waitFor(WAIT);
  await page.getByText(/all \d chunks have one/).waitFor(WAIT);
  const theirs = await vectorsKept(page);
  expect(theirs).toHaveLength(own.length);
  expect(own.length).toBeGreaterThan(32);
  theirs.forEach((value, i) => expect(Math.abs(value - own[i])).toBeLessThan(1e-5));
  expect(await inspect(page, 'documents-onnx')).toEqual([]);
  await search('Where do marrows grow?');
  await page.getByRole('heading', { name: /^\d passages for/ }).waitFor(WAIT);

  await page.getByRole('button', { name: 'Remove beans.md' }).click();
  await press('Remove it');
  await page.getByRole('heading', { name: /^1 document/ }).waitFor(WAIT);
  await search('Sow beans in May');
  await page.getByRole('heading', { name: /passages for “Sow beans in May”/ }).waitFor(WAIT);
  expect(await page.getByRole('button', { name: /beans\.md/ }).count()).toBe(0);
  // The encoder is no model to tune.
  await goTo(page, 'task');
  await page.getByRole('table').first().waitFor(WAIT);
  expect(await page.getByRole('button', { name: 'Open mean' }).count()).toBe(0);
  expect(studio.problems).toEqual([]);
});

test('a stop keeps the vectors so far, and the rest follows after a reload', async () => {
  await goTo(page, 'documents');
  await press('Use mean');
  await page.getByText(/^Graft’s own engine computes it/).waitFor(WAIT);
  await page.getByText(/all \d chunks have one/).waitFor(WAIT);
  const before = (await vectorsKept(page)).length / SIZE;
  const NOTES = 400;
  const notes = Object.fromEntries(
    Array.from({ length: NOTES }, (_, i) => [
      `notes/note-${i}.txt`,
      new TextEncoder().encode(`Note ${i} is about bed ${i}, and about nothing else.`),
    ]),
  );
  // A text has 21 tokens, so 97 of them make a replay: three replays for the first 256 chunks, and two for the others, which wait.
  const reads = await holdReads(engineOf(page), 3);
  await page
    .getByLabel('Add files')
    .setInputFiles({ name: 'notes.zip', mimeType: 'application/zip', buffer: Buffer.from(zipSync(notes)) });
  await page.getByText(/^256 of 400 chunks/).waitFor(WAIT);
  await press('Stop');
  await page.getByRole('button', { name: 'Stopping …' }).waitFor();
  await reads.go();
  const rest = page.getByText(/^144 chunks have no vector yet\./);
  await rest.waitFor(WAIT);
  await page.reload();
  await rest.waitFor(WAIT);
  await press('Continue');
  await page.getByText(`all ${before + NOTES} chunks have one`).waitFor(WAIT);
  expect((await vectorsKept(page)).every(Number.isFinite)).toBe(true);
  expect((await vectorsKept(page)).length / SIZE).toBe(before + NOTES);
  expect(studio.problems).toEqual([]);
});

test('questions that the open model drafts are approved one by one and become rows that quote the documents', async () => {
  const folder = join(temporary, 'phrases');
  writePhraseModel(
    folder,
    { 'Question:': 'When are beans sown?', 'Answer:': 'In May.' },
    "{{ messages[-1].content }}{{ 'Question:' if 'Write a question' in messages[-1].content else 'Answer:' }}",
  );
  await goTo(page, 'task');
  await page.getByLabel('Add a model folder').setInputFiles(folder);
  await expect.poll(() => page.getByRole('banner').innerText(), WAIT).toMatch(/phrases/);
  await goTo(page, 'documents');
  const crops = [
    'Peas come first. Sow beans in May, after the last frost.',
    'Pole beans want stakes of two metres.',
    'Kale stands the winter and the snow.',
  ];
  await page.getByLabel('Add files').setInputFiles(
    crops.map((text, at) => ({
      ...{ name: `crop-${at}.md`, mimeType: 'text/markdown', buffer: Buffer.from(text) },
    })),
  );
  await page.getByText('3 documents added.').waitFor(WAIT);
  await page.getByLabel('Documents to ask about').fill('crop-*.md');
  await page.getByLabel('Questions of each').fill('1');
  await press('Draft with phrases');
  // The model asks the same of each, and kale is something else.
  const said = 'Without a draft: the model wrote a question about something else (1).';
  await page.getByText(`2 questions drafted. ${said}`).waitFor(WAIT);

  const card = page.getByRole('article', { name: 'Draft 1 of 2' });
  await card.getByText('When are beans sown?').waitFor();
  await card.getByText('Sow beans in May, after the last frost.').waitFor();
  await card.getByText('by phrases, of crop-0.md#0').waitFor();
  expect(await inspect(page, 'documents-draft')).toEqual([]);
  await card.focus();
  await page.keyboard.press('a');
  // The answer of the model is not in this sentence, so the sentence stands for it.
  const other = page.getByRole('article', { name: 'Draft 1 of 1' });
  await expect
    .poll(() => other.getByRole('definition').allInnerTexts(), WAIT)
    .toEqual([crops[1], expect.stringContaining(crops[1])]);
  await page.keyboard.press('e');
  await other.getByLabel('Question').fill('What do pole beans want?');
  await other.getByLabel('Answer').fill('Stakes.');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('heading', { name: 'Make rows of 2 approved questions' }).waitFor(WAIT);

  const saved = await downloadOf(page, () => press('Save the questions'));
  const lines = readFileSync(await saved.path(), 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { question: 'When are beans sown?', answer: 'In May.', made: 'phrases', approved: true },
    { question: 'What do pole beans want?', answer: 'Stakes.', made: 'phrases, edited', approved: true },
  ]);

  await page.getByLabel('Without the right passage, %').fill('0');
  await press('Make rows with passages');
  await page
    .getByRole('status')
    .getByText(/^2 rows: 2 with the right passage, 0 without/)
    .waitFor(WAIT);
  await goTo(page, 'data');
  await page.getByRole('heading', { name: '2 rows' }).waitFor(WAIT);
  await press('Save the rows');
  const save = page.getByRole('region', { name: 'Save the rows' });
  const rows = await downloadOf(page, () => save.getByRole('button', { name: 'Save', exact: true }).click());
  const written = readFileSync(await rows.path(), 'utf8')
    .trimEnd()
    .split('\n');
  const turns = written.map((line) =>
    (JSON.parse(line) as { messages: { content: string }[] }).messages.map(({ content }) => content),
  );
  expect(turns.map(([, answer]) => answer)).toEqual([
    expect.stringMatching(/^In May\. "Sow beans in May, after the last frost\." \[[1-5]\]$/),
    expect.stringMatching(/^Stakes\. "Pole beans want stakes of two metres\." \[[1-5]\]$/),
  ]);
  const [[prompt]] = turns;
  expect(prompt).toContain(`crop-0.md\n${crops[0]}`);
  expect(prompt).toContain('Question: When are beans sown?');
  expect(studio.problems).toEqual([]);
});

test('the encoder is tuned on the approved questions, measured on those held out, and used for the index', async () => {
  await goTo(page, 'documents');
  const section = page.getByRole('region', { name: 'Tune the encoder' });
  await section.getByText(/^2 approved questions have a passage/).waitFor(WAIT);
  const beds = [
    'The pond freezes in January.',
    'The shed holds nine rakes.',
    'The gate squeaks in the rain.',
  ];
  await page.getByLabel('Add files').setInputFiles(
    beds.map((text, at) => ({
      ...{ name: `bed-${at}.md`, mimeType: 'text/markdown', buffer: Buffer.from(text) },
    })),
  );
  await page.getByText('3 documents added.').waitFor(WAIT);
  await page.getByLabel('Documents to ask about').fill('bed-*.md');
  await page.getByText('Draft by templates').click();
  await press('Fill the templates');
  for (const left of [3, 2, 1]) {
    const card = page.getByRole('article', { name: `Draft 1 of ${left}` });
    await card.waitFor(WAIT);
    await card.focus();
    await page.keyboard.press('a');
  }
  await section.getByText(/^3 questions to train on, 2 held out\./).waitFor(WAIT);
  await section.getByLabel('Name of the adapter').fill('Garden finder');
  await section.getByText('How it is tuned').click();
  expect(await inspect(page, 'documents-retriever')).toEqual([]);
  const rows = await downloadOf(page, () => press('Save the rows'));

  const worker = engineOf(page);
  await allowSteps(worker, 1);
  await press('Tune the encoder');
  await section.getByText(/^step 1 of 3, loss/).waitFor(WAIT);
  await press('Pause tuning');
  await allowSteps(worker, Infinity);
  const paused = section.getByText(/^Garden finder is paused at step [12] of 3/);
  await paused.waitFor(WAIT);
  expect(await inspect(page, 'documents-retriever-paused')).toEqual([]);
  await page.reload();
  await paused.waitFor(WAIT);
  await press('Resume tuning');
  const table = section.getByRole('table', { name: /^What each finds for 2 questions that are held out/ });
  await table.waitFor(WAIT);
  await section.getByText(/^Garden finder: MRR@10 .* Only 2 questions: too few to rely on\.$/).waitFor(WAIT);
  expect(await table.getByRole('row').count()).toBe(3);
  expect(await inspect(page, 'documents-retriever-measured')).toEqual([]);

  const before = await vectorsKept(page);
  await press('Use for the index: Garden finder');
  const meaning = page.getByRole('region', { name: 'Search by meaning' });
  await expect
    .poll(() => meaning.innerText(), WAIT)
    .toMatch(/^mean, tuned by Garden finder, makes a vector of each chunk: all \d+ chunks have one/m);
  const tuned = await vectorsKept(page);
  expect(tuned).toHaveLength(before.length);
  expect(leastCosine(tuned, before, SIZE)).toBeLessThan(1 - 1e-6);
  await search('Where do marrows grow?');
  await page.getByRole('heading', { name: /passages for “Where do marrows grow/ }).waitFor(WAIT);

  // It is exported and comes back as any other adapter, and finds the same.
  const saved = await downloadOf(page, () => press('Download zip of Garden finder'));
  await section.getByLabel('Import an adapter').setInputFiles({
    ...{ name: 'again.zip', mimeType: 'application/zip' },
    buffer: readFileSync(await saved.path()),
  });
  await section.getByLabel('Name of again').waitFor(WAIT);
  // PEFT made this one.
  const peft = referencePath('encoders', 'contrastive', 'start-mean');
  await section.getByLabel('Import its folder').setInputFiles(peft);
  await section.getByLabel('Name of start-mean').waitFor(WAIT);
  await press('Measure on 2 held-out questions');
  await section.getByText(/^again: MRR@10 .* It was made elsewhere/).waitFor(WAIT);
  await section.getByText(/^start-mean: MRR@10/).waitFor();
  const scores = async (name: string): Promise<string[]> =>
    (await table.getByRole('row', { name }).getByRole('cell').allInnerTexts()).slice(0, 4);
  expect(await scores('again')).toEqual(await scores('Garden finder'));
  await press('Delete again');
  await press('Bring it back: again');
  await section.getByLabel('Name of again').waitFor(WAIT);

  // It answers nothing, so that Use does not offer it, and its run is one of Train.
  await goTo(page, 'use');
  await page.getByLabel('Import a zip').waitFor(WAIT);
  expect(await page.getByText('Garden finder').count()).toBe(0);
  await page.getByLabel('Import a zip').setInputFiles({
    ...{ name: 'misplaced.zip', mimeType: 'application/zip' },
    buffer: readFileSync(await saved.path()),
  });
  await page.getByText(/It is an adapter of the encoder “mean”, which writes no answers/).waitFor(WAIT);
  await goTo(page, 'train');
  await page.getByRole('heading', { name: 'Garden finder', level: 1 }).waitFor(WAIT);
  await page.getByRole('link', { name: 'See what it finds' }).waitFor();
  await press('Copy as a command line');
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).toMatch(
    /^npx graft train --model mean --data retriever-rows\.jsonl .*--objective contrastive/,
  );
  expect(studio.problems).toEqual([]);

  // Without its adapter an index says so, and takes the encoder as it is.
  await page.evaluate(async () => {
    const opened = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error(String(request.error)));
      });
    const database = await opened(indexedDB.open('graft'));
    await opened(database.transaction('adapters', 'readwrite').objectStore('adapters').clear());
    database.close();
  });
  await goTo(page, 'documents');
  await page.reload();
  await meaning.getByText(/^The adapter Garden finder is not kept in this browser any more\./).waitFor(WAIT);
  await press('Use mean as it is');
  await expect
    .poll(() => meaning.innerText(), WAIT)
    .toMatch(/^mean makes a vector of each chunk: all \d+ chunks have one/m);
  // In other batches last bits differ.
  expect(leastCosine(await vectorsKept(page), before, SIZE)).toBeGreaterThan(1 - 1e-6);
  expect(studio.problems).toEqual([]);

  // The command trains the same adapter on the same rows.
  const out = join(temporary, 'headless');
  const places: Readonly<Record<string, string>> = {
    ...{ '--model': referencePath('encoders', 'mean'), '--data': await rows.path(), '--out': out },
  };
  const words = command.split(' ').slice(2);
  const asked = words.map((word, at) => places[words[at - 1]] ?? word);
  const { code, err } = await graftHere([...asked, '--device', 'cpu']);
  expect(code, err).toBe(0);
  const zip = unzipSync(readFileSync(await saved.path()));
  const [, bytes] = Object.entries(zip).find(([name]) => name.endsWith('adapter_model.safetensors'))!;
  const valuesOf = async (file: Uint8Array): Promise<Map<string, Float32Array>> => {
    const { tensors } = await openSafetensors(memorySource('adapter', Uint8Array.from(file)));
    const names = [...tensors.keys()];
    const values = await Promise.all(names.map((name) => floats(tensors.get(name))));
    return new Map(names.map((name, at) => [name, values[at]]));
  };
  const here = await valuesOf(bytes);
  const there = await valuesOf(readFileSync(join(out, 'adapter_model.safetensors')));
  expect([...there.keys()]).toEqual([...here.keys()]);
  for (const [name, values] of there)
    values.forEach((value, i) => expect(Math.abs(value - here.get(name)![i])).toBeLessThan(1e-5));
});

/** From 140 real documents to cited answers and the comparison of methods, with all-MiniLM-L6-v2 on the page. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mean } from '../../src/averages.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { folder as folderOf } from '../../src/cli/files.ts';
import { writePeft } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { fetchMiniLm, MINILM } from '../minilm.ts';
import { describeShared, sharedJson, sharedJsonl, sharedPath } from '../shared.ts';
import { zipOf } from './adapter-files.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { dragInto } from './drag.ts';
import { factOf, goTo, WAIT } from './looks.ts';
import { writePhraseModel } from './phrase-model.ts';

interface Question {
  readonly id: string;
  readonly kind: string;
  readonly question: string;
  readonly answer: string;
  readonly passages: readonly { readonly doc: string; readonly text: string }[];
}

interface Expected {
  readonly questions: readonly {
    readonly id: string;
    readonly relevant: readonly (readonly string[])[];
    readonly cosine: readonly (readonly [chunk: string, score: number])[];
  }[];
}

/** The command counts as many, and the reference has them. */
const CHUNKS = 917;
/** Passages before a question: with one, some questions lack theirs. */
const TOP = 1;
const ANSWER = 'More than 4.0 billion. [1]';
/** Computing all vectors takes a minute of the processor, and others may want it. */
const LONG = { timeout: 900_000 };

describeShared('answers from 140 documents', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'graft-own-documents-'));
  let studio: WatchedPage;
  let page: Page;
  let missing: string | undefined;
  let questions: readonly Question[];
  let expected: ReadonlyMap<string, Expected['questions'][number]>;
  beforeAll(async () => {
    missing = fetchMiniLm();
    if (missing !== undefined) console.warn(`SKIPPED: ${missing}`);
    questions = sharedJsonl<Question>('retrieval', 'questions.jsonl').filter(({ kind }) => kind === 'plain');
    const reference = sharedJson<Expected>('retrieval', 'expected.json').questions;
    expected = new Map(reference.map((one) => [one.id, one]));
    studio = await openWide();
    ({ page } = studio);
  }, 300_000);
  afterAll(async () => {
    await closePages();
    rmSync(temporary, { recursive: true, force: true });
  });

  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();

  /** The folder of the encoder without its ONNX files. */
  function encoderFolder(): string {
    const folder = join(temporary, 'all-MiniLM-L6-v2');
    mkdirSync(folder);
    for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
      cpSync(join(MINILM, file), join(folder, file));
    return folder;
  }

  /** An adapter of the model that changes nothing yet. */
  async function adapterZip(folder: string): Promise<Buffer> {
    const config = {
      ...{ rank: 2, alpha: 4, dropout: 0, rsLora: false },
      ...{ targets: ['q_proj', 'v_proj'], rankPattern: {}, alphaPattern: {} },
    };
    const modules = adapterModules(await readModel(folderOf(folder)), config);
    const data = { config, modules, tensors: initialTensors(modules, 1) };
    return Buffer.from(zipOf(writePeft(data, { baseModel: 'phrases' })));
  }

  test('dropped, they get vectors, and searches rank them as the reference does', LONG, async ({ skip }) => {
    skip(missing !== undefined, missing);
    await goTo(page, 'documents');
    await dragInto(page.locator('main h1'), sharedPath('retrieval', 'documents'));
    await page.getByText('140 documents added.').waitFor(WAIT);
    await page.getByRole('checkbox', { name: 'Weights in 8 bits (int8)' }).check();
    await page.getByLabel('Choose its folder').setInputFiles(encoderFolder());
    await page.getByText(new RegExp(`^[1-9]\\d* of ${CHUNKS} chunks`)).waitFor({ timeout: 300_000 });
    await page.getByText(`all ${CHUNKS} chunks have one`).waitFor({ timeout: 600_000 });
    for (const { id, question } of questions.slice(0, 3)) {
      await page.getByLabel('Question or words').fill(question);
      await press('Search');
      await page.getByRole('heading', { name: `10 passages for “${question}”` }).waitFor(WAIT);
      const [[chunk]] = expected.get(id)!.cosine;
      const first = await page.locator('[data-hit] b').first().innerText();
      expect(first.replace(/^1\. (.*)\.\w+$/, '$1')).toBe(chunk.split('#')[0]);
    }
    expect(studio.problems).toEqual([]);
  });

  test('an answer names its passage, and the mark opens it in its document', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const folder = join(temporary, 'phrases');
    writePhraseModel(folder, { 'Answer:': ANSWER }, "{{ messages[-1].content }}{{ 'Answer:' }}", 4096);
    await goTo(page, 'task');
    await page.getByLabel('Add a model folder').setInputFiles(folder);
    await expect.poll(() => page.getByRole('banner').innerText(), WAIT).toMatch(/phrases/);
    await goTo(page, 'use');
    await page
      .getByLabel('Import a zip')
      .setInputFiles({ name: 'none.zip', mimeType: 'application/zip', buffer: await adapterZip(folder) });
    await page.getByRole('checkbox', { name: /^Answer from documents: passages of 140 documents/ }).check();
    await page.getByText(/^Passages and their prompt/).click();
    await page.getByLabel('Passages at most').fill(String(TOP));
    await page.getByLabel('Passages at most').blur();
    const [{ question, passages }] = questions;
    await page.getByLabel('Prompt for both').fill(question);
    await page.keyboard.press('Enter');
    const turn = page.getByRole('article').last();
    await turn.getByRole('button', { name: 'Passage 1' }).first().click(WAIT);
    const passage = turn.getByRole('region', { name: `Passage in ${passages[0].doc}.html` });
    await expect.poll(() => passage.locator('mark').innerText(), WAIT).toContain(passages[0].text);
    expect(studio.problems).toEqual([]);
  });

  test('the methods are compared on test rows, and the passages found are those of the reference', async ({
    skip,
  }) => {
    skip(missing !== undefined, missing);
    const rows = questions.map(({ question, answer, passages }) =>
      JSON.stringify({ prompt: question, completion: answer, passages }),
    );
    await goTo(page, 'data');
    await page.getByLabel('Open a file').setInputFiles({
      ...{ name: 'questions.jsonl', mimeType: 'application/jsonl' },
      buffer: Buffer.from(rows.join('\n')),
    });
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(new RegExp(`${rows.length} rows`));
    await goTo(page, 'evaluate');
    await press('Measure every method');
    const table = page.getByRole('table', { name: 'How answers stand to documents' });
    await table.waitFor({ timeout: 240_000 });
    const asked = (await page.locator('p.asked').allInnerTexts()).map((text) => text.trim().slice(1, -1));
    const found = asked.map((text) => {
      const { id } = questions.find(({ question }) => question === text)!;
      const { cosine, relevant } = expected.get(id)!;
      const first = new Set(cosine.slice(0, TOP).map(([chunk]) => chunk));
      return mean(relevant.map((chunks) => (chunks.some((chunk) => first.has(chunk)) ? 1 : 0)));
    });
    expect(found.length).toBeGreaterThan(2);
    const lines = (await table.innerText()).split('\n').map((line) => line.split('\t'));
    const shown = lines.map(([method, cell]) => [method, cell]);
    const share = `${Math.round(100 * mean(found))}%`;
    expect(shown.slice(2)).toEqual([
      ['Base model', '–'],
      ['Base, with passages', share],
      ['none', '–'],
      ['none, with passages', share],
    ]);
    await page
      .getByRole('table', { name: /the mean over the rows/ })
      .first()
      .waitFor(WAIT);
    expect(studio.problems).toEqual([]);
  });
});

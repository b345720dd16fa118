/** From 140 real documents to cited answers and the comparison of methods, with all-MiniLM-L6-v2 on the page, which is tuned there. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mean } from '../../src/averages.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { folder as folderOf } from '../../src/cli/files.ts';
import { writePeft } from '../../src/export/peft.ts';
import { readModel } from '../../src/model/family.ts';
import { searchVectors } from '../../src/retrieval/cosine.ts';
import { measure, RECALL_RANKS, Relevance } from '../../src/retrieval/relevance.ts';
import { parseSafetensors } from '../../src/weights/safetensors.ts';
import { floats } from '../engine/graft-command.ts';
import { fetchMiniLm, MINILM } from '../minilm.ts';
import { describeShared, sharedFolder, sharedJson, sharedJsonl, sharedPath } from '../shared.ts';
import { zipOf } from './adapter-files.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { dragInto } from './drag.ts';
import { downloadOf, factOf, goTo, WAIT } from './looks.ts';
import { writePhraseModel } from './phrase-model.ts';

interface Question {
  readonly id: string;
  readonly kind: string;
  readonly question: string;
  readonly answer: string;
  readonly passages: readonly {
    readonly doc: string;
    readonly start: number;
    readonly end: number;
    readonly text: string;
  }[];
}

interface Chunk {
  readonly doc: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
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
/** Documents of two or three chunks, each with a question: an encoder is tuned on these in seconds. */
const SHORT = [
  ...['fava-import.md', 'sqlite-mostdeployed.html', 'ntp-huffpuff.html', 'sklearn-california-housing.txt'],
  ...['sklearn-olivetti-faces.txt', 'sklearn-species-distributions.txt', 'beets-thumbnails.txt'],
  ...['beets-the.txt', 'lighttpd-webdav.txt'],
];
/** Numbers of a vector. */
const SIZE = 384;
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

  /** What the vectors of the reference find for questions among the chunks of some documents. */
  async function referenceMeasures(asked: readonly Question[], docs: ReadonlySet<string>): Promise<string[]> {
    const source = await sharedFolder('retrieval').open('embeddings.safetensors');
    const tensors = await parseSafetensors(source!);
    const chunkVectors = await floats(tensors.get('chunks'));
    const questionVectors = await floats(tensors.get('questions'));
    const all = sharedJsonl<Chunk>('retrieval', 'chunks.jsonl');
    const here = all.flatMap((chunk, at) => (docs.has(chunk.doc) ? [{ ...chunk, file: chunk.doc, at }] : []));
    const own = Float32Array.from(
      here.flatMap(({ at }) => [...chunkVectors.subarray(at * SIZE, (at + 1) * SIZE)]),
    );
    const ids = sharedJsonl<Question>('retrieval', 'questions.jsonl').map(({ id }) => id);
    const relevance = new Relevance(here);
    const { recall, mrr } = measure(
      asked.map(({ id, passages }) => {
        const at = ids.indexOf(id);
        const vector = questionVectors.subarray(at * SIZE, (at + 1) * SIZE);
        return {
          ranking: searchVectors(own, vector, 10).map(({ chunk }) => chunk),
          relevant: passages.map((passage) => relevance.relevantTo(passage) ?? []),
        };
      }),
    );
    return [...RECALL_RANKS.map((rank) => recall[rank]), mrr].map((value) => value.toFixed(3));
  }

  test(
    'MiniLM is tuned on approved questions, measured as the reference does, exported, imported and used',
    async ({ skip }) => {
      skip(missing !== undefined, missing);
      await goTo(page, 'documents');
      const files = SHORT.map((file) => sharedPath('retrieval', 'documents', file));
      await page.getByLabel('Add files').setInputFiles(files);
      await page.getByText(`${SHORT.length} documents added.`).waitFor(WAIT);
      await page.getByRole('checkbox', { name: 'Weights in 8 bits (int8)' }).check();
      await page.getByLabel('Choose its folder').setInputFiles(encoderFolder());
      await page.getByText(/all \d+ chunks have one/).waitFor(LONG);
      const docs = new Set(SHORT.map((file) => file.slice(0, file.lastIndexOf('.'))));
      const asked = questions.filter(({ passages }) => docs.has(passages[0].doc));
      await page.getByText('Write a question').click();
      for (const { question, answer, passages } of asked) {
        const [{ doc, text }] = passages;
        await page.getByLabel('Answered by').selectOption(SHORT.find((file) => file.startsWith(`${doc}.`))!);
        await page.getByLabel('Question', { exact: true }).fill(question);
        await page.getByLabel('Answer', { exact: true }).fill(answer);
        await page.getByLabel('Quote, word for word').fill(text);
        await press('Add the question');
        await page.getByText(`“${question}” is approved.`).waitFor(WAIT);
      }
      const section = page.getByRole('region', { name: 'Tune the encoder' });
      await section.getByText(/^6 questions to train on, 3 held out\./).waitFor(WAIT);
      await section.getByText('How it is tuned').click();
      const saved = await downloadOf(page, () => press('Save the rows'));
      const rows = readFileSync(await saved.path(), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { query: string; positive: string; negative: string[] });
      expect(rows.every(({ positive, negative }) => negative.length === 1 && negative[0] !== positive)).toBe(
        true,
      );
      await section.getByLabel('Name of the adapter').fill('Finder');
      await press('Tune the encoder');
      await section.getByText(/^Finder: MRR@10/).waitFor(LONG);
      const scores = async (name: string): Promise<string[]> => {
        const row = section.getByRole('table', { name: /^What each finds/ }).getByRole('row', { name });
        return (await row.getByRole('cell').allInnerTexts())
          .slice(0, 4)
          .map((text) => text.split('\n')[0].trim());
      };
      const held = asked.filter(({ question }) => rows.every(({ query }) => query !== question));
      expect(await scores('as it is')).toEqual(await referenceMeasures(held, docs));

      const zip = await downloadOf(page, () => press('Download zip of Finder'));
      await section.getByLabel('Import an adapter').setInputFiles({
        ...{ name: 'again.zip', mimeType: 'application/zip' },
        buffer: readFileSync(await zip.path()),
      });
      await section.getByLabel('Name of again').waitFor(WAIT);
      await press('Measure on 3 held-out questions');
      await section.getByText(/^again: MRR@10/).waitFor(LONG);
      expect(await scores('again')).toEqual(await scores('Finder'));
      const meaning = page.getByRole('region', { name: 'Search by meaning' });
      for (const [name, words] of [
        [
          'again',
          /^all-MiniLM-L6-v2, tuned by again, makes a vector of each chunk: all \d+ chunks have one/m,
        ],
        ['all-MiniLM-L6-v2', /^all-MiniLM-L6-v2 makes a vector of each chunk: all \d+ chunks have one/m],
      ] as const) {
        await press(`Use for the index: ${name}`);
        await expect.poll(() => meaning.innerText(), LONG).toMatch(words);
      }
      expect(studio.problems).toEqual([]);
    },
    LONG.timeout,
  );

  test('dropped, they get vectors, and searches rank them as the reference does', LONG, async ({ skip }) => {
    skip(missing !== undefined, missing);
    await goTo(page, 'documents');
    await dragInto(page.locator('main h1'), sharedPath('retrieval', 'documents'));
    // How far it is, and at the end what was read.
    await page.getByText(/^[1-9]\d* of \d+ chunks/).waitFor({ timeout: 300_000 });
    await page.getByText('131 documents added, 9 documents here already.').waitFor(LONG);
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

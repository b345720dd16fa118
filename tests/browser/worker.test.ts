/**
 * The worker of the production build, without the studio around it: a page of the same origin that shows a data file, starts the
 * worker's own script and speaks to it as the studio does. The tests share a profile and build on each other: what one saved, the next
 * one finds.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type {
  AdapterInfo,
  GraftWorker,
  Outcome,
  RunEvent,
  RunOptions,
  RunRecord,
} from '../../src/worker/api.ts';
import { BROKEN_SLOT } from '../../src/engine/ops/adamw.ts';
import { launchChromium } from './chromium.ts';

const COMLINK = readFileSync(
  createRequire(import.meta.url)
    .resolve('comlink')
    .replace(/esm\/comlink\.mjs$/, 'umd/comlink.js'),
  'utf8',
);

/** What the tests put on their page. */
interface Bench {
  /** Each of its calls is a promise, so the bridge's own types add nothing. */
  readonly api: GraftWorker;
  readonly events: RunEvent[];
  /** Comlink's `proxy`. */
  readonly proxy: <T extends object>(value: T) => T;
  run?: Promise<Outcome<{ readonly run: RunRecord }>>;
}
declare const bench: Bench;

const OPTIONS: RunOptions = {
  name: 'Captain',
  steps: 18,
  batch: 2,
  accumulate: 1,
  maxLength: 64,
  lr: 0.006,
  schedule: 'cosine',
  warmup: 2,
  weightDecay: 0,
  clip: 1,
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  rsLora: false,
  targets: ['q_proj', 'v_proj'],
  rateRatio: 1,
  seed: 7,
  packing: true,
  checkpointing: false,
  evalEvery: 6,
  patience: 0,
  sampleEvery: 5,
  samplePrompt: 'Who are you?',
};

/** Steps of a run that is interrupted before its end and compared with no other. */
const LONG = 500;

let browser: Browser;
let context: BrowserContext;
let script: string;

beforeAll(async () => {
  browser = await launchChromium();
  context = await browser.newContext();
  const studio = await context.newPage();
  const started = studio.waitForEvent('worker');
  await studio.goto(inject('address'));
  script = (await started).url();
  await studio.close();
});
afterAll(() => browser.close());

/** A page with a worker of its own, and a model and data if asked. */
async function openBench({ ready = true } = {}): Promise<Page> {
  const page = await context.newPage();
  await startBench(page);
  if (ready) await openAll(page);
  return page;
}

async function startBench(page: Page): Promise<Worker> {
  await page.goto(new URL('samples/index.json', inject('address')).href);
  // By the debugger, which the page's policy does not bind.
  await page.evaluate(COMLINK);
  const started = page.waitForEvent('worker');
  await page.evaluate((url) => {
    const { wrap, proxy } = (globalThis as unknown as { Comlink: typeof import('comlink') }).Comlink;
    const api = wrap<GraftWorker>(new globalThis.Worker(url, { type: 'module' }));
    Object.assign(globalThis, { bench: { api, proxy, events: [] } });
  }, script);
  return started;
}

async function openAll(page: Page): Promise<void> {
  const opened = await page.evaluate(async () => {
    const model = await bench.api.openBundledModel();
    const file = async (path: string): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> => ({
      name: path,
      bytes: new Uint8Array(await (await fetch(path)).arrayBuffer()),
    });
    const options = {
      maxLength: 64,
      overlong: 'truncate-end',
      validation: 0.02,
      test: 0,
      seed: 1,
    } as const;
    const data = await bench.api.openData(
      await file('voice/train.jsonl'),
      options,
      await file('voice/test.jsonl'),
    );
    return { model, data };
  });
  expect(opened.model).toMatchObject({
    ok: true,
    model: { name: 'sprig', modelType: 'llama', chatTemplate: true },
  });
  expect(opened.data).toMatchObject({
    ok: true,
    data: { format: 'messages', rows: { train: 314, validation: 6, test: 40 }, problemCount: 0 },
  });
}

/** Starts a run, or goes on with one, without waiting for its end. */
function train(page: Page, what: RunOptions | string): Promise<void> {
  return page.evaluate((asked) => {
    bench.events.length = 0;
    const hear = bench.proxy((event: RunEvent) => void bench.events.push(event));
    bench.run =
      typeof asked === 'string' ? bench.api.resumeRun(asked, hear) : bench.api.startRun(asked, hear);
  }, what);
}

/** Waits until the run has made so many steps, counted from its beginning. */
async function reached(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (least) => bench.events.some((event) => event.type === 'step' && event.step >= least),
    step,
    { timeout: 120_000, polling: 20 },
  );
}

/**
 * Waits until the run has made so many steps and interrupts it there, in the page: told from here, a quick run could be over by then.
 */
async function interrupted(
  page: Page,
  step: number,
  how: 'pauseRun' | 'stopRun' | 'cancelRun' = 'pauseRun',
): Promise<RunRecord> {
  await page.evaluate(
    async ([least, call]) => {
      let over = false;
      void bench.run!.then(() => (over = true));
      while (!over && !bench.events.some((event) => event.type === 'step' && event.step >= least))
        await new Promise((resolve) => setTimeout(resolve));
      await bench.api[call]();
    },
    [step, how] as const,
  );
  return ended(page);
}

async function ended(page: Page): Promise<RunRecord> {
  const outcome = await page.evaluate(() => bench.run!);
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.what}`);
  return outcome.run;
}

const events = (page: Page): Promise<RunEvent[]> => page.evaluate(() => bench.events);
const losses = ({ steps }: RunRecord): number[] => steps.map(({ loss }) => loss);

/** Expects that the run fails with so many adapters, and removes both. */
async function diverged(page: Page, kept: number): Promise<void> {
  expect(await page.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'train-diverged' });
  expect((await events(page)).at(-1)).toMatchObject({
    type: 'status',
    status: 'failed',
    failure: { code: 'train-diverged' },
  });
  const [run] = await listRuns(page);
  expect(run).toMatchObject({ status: 'failed', resumable: false });
  const made = (await listAdapters(page)).filter(({ runId }) => runId === run.id);
  expect(made).toHaveLength(kept);
  for (const { id } of made) await page.evaluate((of) => bench.api.deleteAdapter(of), id);
  await page.evaluate((of) => bench.api.deleteRun(of), run.id);
}

async function listRuns(page: Page): Promise<readonly RunRecord[]> {
  const listed = await page.evaluate(() => bench.api.listRuns());
  if (!listed.ok) throw new Error(listed.what);
  return listed.runs;
}

async function listAdapters(page: Page): Promise<readonly AdapterInfo[]> {
  const listed = await page.evaluate(() => bench.api.listAdapters());
  if (!listed.ok) throw new Error(listed.what);
  return listed.adapters;
}

/** The run that nothing interrupted: what the others are compared with. */
let whole: RunRecord;

describe('a run', () => {
  test('shows a row as the model sees it', async () => {
    const page = await openBench();
    const preview = await page.evaluate(() => bench.api.previewRow(0));
    expect(preview).toMatchObject({ ok: true, row: { line: 1 } });
    const { row } = preview as Extract<typeof preview, { ok: true }>;
    expect(row.tokens.map(({ text }) => text).join('')).toMatch(/^<\|im_start\|>user\nMy name is Tom\./);
    const learnt = row.tokens.filter(({ supervised }) => supervised);
    expect(learnt.map(({ text }) => text).join('')).toMatch(/^Ahoy, matey!.*<\|im_end\|>$/);
    expect(learnt.at(-1)).toMatchObject({ special: true });
    expect(await page.evaluate(() => bench.api.previewRow(360))).toMatchObject({
      ok: false,
      code: 'data-row',
    });
    await page.close();
  });

  test('trains, samples, evaluates, and leaves its adapter in the library', async () => {
    const page = await openBench();
    const planned = await page.evaluate((asked) => bench.api.planRun(asked), OPTIONS);
    await train(page, OPTIONS);
    whole = await ended(page);
    expect(whole.status).toBe('done');
    // What was planned is what the steps say that the GPU holds.
    expect(planned).toMatchObject({ ok: true, memory: { problems: [], advice: [] } });
    const { memory } = planned as Extract<typeof planned, { ok: true }>;
    expect(whole.steps.map(({ gpuBytes }) => gpuBytes)).toEqual(whole.steps.map(() => memory.steadyBytes));
    expect(whole.steps.map(({ step }) => step)).toEqual(
      Array.from({ length: OPTIONS.steps }, (_, i) => i + 1),
    );
    // At step 0 the base model speaks: the first step has its loss before any update.
    expect(whole.evals.map(({ step }) => step)).toEqual([0, 6, 12, 18]);
    expect(whole.samples.map(({ step }) => step)).toEqual([0, 5, 10, 15]);
    expect(whole.evals[0].loss).toBeGreaterThan(whole.evals[2].loss);
    expect(whole.command).toContain('graft train --model public/models/sprig --data voice/train.jsonl');
    const heard = await events(page);
    expect(heard.at(0)).toEqual({ type: 'status', status: 'running' });
    expect(heard.at(-1)).toEqual({ type: 'status', status: 'done' });
    expect(heard.some(({ type }) => type === 'compile')).toBe(true);
    expect(heard.filter(({ type }) => type === 'step')).toHaveLength(OPTIONS.steps);
    const [adapter] = await listAdapters(page);
    expect(adapter).toMatchObject({ name: 'Captain', rank: 4, baseModel: 'sprig', runId: whole.id });
    expect(await listRuns(page)).toMatchObject([{ id: whole.id, status: 'done', resumable: false }]);
    await page.close();
  });

  test('paused, asked and resumed, it has the curve of one that was not', async () => {
    const page = await openBench();
    await train(page, OPTIONS);
    const paused = await interrupted(page, 3);
    expect(paused).toMatchObject({ status: 'paused', resumable: true });
    expect(paused.steps.length).toBeLessThan(OPTIONS.steps);

    const answer = await page.evaluate(async () => {
      const streamed: string[] = [];
      const said = await bench.api.chat(
        'current',
        [{ role: 'user', content: 'Who are you?' }],
        {
          maxNewTokens: 8,
          temperature: 0,
          topK: 0,
          topP: 1,
          minP: 0,
          repetitionPenalty: 1,
          seed: 0,
        },
        bench.proxy((text: string) => void streamed.push(text)),
      );
      return { said, streamed };
    });
    if (!answer.said.ok) throw new Error(answer.said.what);
    const { text, tokens } = answer.said;
    expect(text.length).toBeGreaterThan(0);
    expect(answer.streamed.join('')).toBe(text);
    expect(tokens.map((token) => token.text).join('')).toBe(text);
    for (const { text: chosen, candidates } of tokens) {
      expect(candidates).toHaveLength(8);
      // Greedy takes the most likely one.
      expect(candidates[0].text.trim()).toBe(chosen.trim());
      const sum = candidates.reduce((total, { probability }) => total + probability, 0);
      expect(sum).toBeGreaterThan(0.3);
      expect(sum).toBeLessThanOrEqual(1 + 1e-6);
    }

    await train(page, paused.id);
    const resumed = await ended(page);
    expect(resumed.status).toBe('done');
    expect(losses(resumed)).toEqual(losses(whole));
    expect(resumed.evals).toEqual(whole.evals);
    expect(resumed.samples).toEqual(whole.samples);
    await page.close();
  });

  test('goes on after a reload in its middle, and stops with what it learned', async () => {
    const page = await openBench();
    await train(page, OPTIONS);
    await reached(page, 2);
    // Nobody says goodbye: the worker dies with the page.
    await startBench(page);
    await expect
      .poll(() => listRuns(page).then(([run]) => run), { timeout: 20_000 })
      .toMatchObject({ status: 'paused', resumable: true });
    const [{ id, steps }] = await listRuns(page);
    expect(losses(whole).slice(0, steps.length)).toEqual(steps.map(({ loss }) => loss));

    // Neither model nor data is open: the run brings both.
    await train(page, id);
    const stopped = await interrupted(page, 8, 'stopRun');
    expect(stopped.status).toBe('stopped');
    expect(stopped.steps.length).toBeGreaterThanOrEqual(8);
    expect(losses(stopped)).toEqual(losses(whole).slice(0, stopped.steps.length));
    expect((await listAdapters(page)).filter(({ runId }) => runId === id)).toHaveLength(1);
    expect((await listRuns(page)).find((run) => run.id === id)).toMatchObject({ resumable: false });
    await page.close();
  });

  test('that lies in storage only is stopped with what its checkpoint learned, or discarded', async () => {
    const kept = await openBench();
    await train(kept, { ...OPTIONS, steps: LONG, name: 'From storage' });
    const { id, steps } = await interrupted(kept, 3);
    await kept.close();

    const page = await openBench({ ready: false });
    const stopped = await page.evaluate((of) => bench.api.endRun(of, 'stop'), id);
    expect(stopped).toMatchObject({ ok: true, run: { status: 'stopped', resumable: false } });
    const [adapter] = (await listAdapters(page)).filter(({ runId }) => runId === id);
    expect(adapter).toMatchObject({ name: 'From storage', finalLoss: steps.at(-1)!.loss });
    const said = await page.evaluate(async (of) => {
      const settings = { maxNewTokens: 4, temperature: 0, topK: 0, topP: 1, minP: 0 };
      const asked = [{ role: 'user', content: 'Who are you?' }] as const;
      const nobody = bench.proxy(() => undefined);
      return bench.api.chat({ id: of }, asked, { ...settings, repetitionPenalty: 1, seed: 0 }, nobody);
    }, adapter.id);
    expect(said).toMatchObject({ ok: true });
    expect(await page.evaluate((of) => bench.api.endRun(of, 'cancel'), id)).toMatchObject({
      ok: false,
      code: 'run-not-resumable',
    });
    await page.evaluate((of) => bench.api.deleteAdapter(of), adapter.id);

    await openAll(page);
    await train(page, { ...OPTIONS, steps: LONG });
    const second = await interrupted(page, 1);
    await startBench(page);
    expect(await page.evaluate((of) => bench.api.endRun(of, 'cancel'), second.id)).toMatchObject({
      ok: true,
      run: { status: 'cancelled', resumable: false },
    });
    expect((await listAdapters(page)).filter(({ runId }) => runId === second.id)).toEqual([]);
    for (const run of [id, second.id]) await page.evaluate((of) => bench.api.deleteRun(of), run);
    await page.close();
  });

  test('whose process is killed goes on from its last checkpoint, with the curve of one that was not', async () => {
    const page = await context.newPage();
    const worker = await startBench(page);
    // Checkpoints are due by the clock: here it goes fast.
    await worker.evaluate(() => {
      const now = performance.now.bind(performance);
      performance.now = () => now() * 20;
    });
    await openAll(page);
    await train(page, OPTIONS);
    await page.waitForFunction(() =>
      bench.events.some((event) => event.type === 'checkpoint' && event.step > 0),
    );
    const devtools = await context.newCDPSession(page);
    const crashed = page.waitForEvent('crash');
    // It answers nothing any more.
    devtools.send('Page.crash').catch(() => undefined);
    await crashed;
    await page.close();

    const after = await openBench({ ready: false });
    await expect
      .poll(() => listRuns(after).then(([run]) => run), { timeout: 20_000 })
      .toMatchObject({ status: 'paused', resumable: true });
    const [{ id, steps }] = await listRuns(after);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length).toBeLessThan(OPTIONS.steps);
    await train(after, id);
    const resumed = await ended(after);
    expect(resumed.status).toBe('done');
    expect(losses(resumed)).toEqual(losses(whole));
    expect(resumed.evals).toEqual(whole.evals);
    await after.evaluate((of) => bench.api.deleteRun(of), id);
    for (const { id: made } of (await listAdapters(after)).filter(({ runId }) => runId === id))
      await after.evaluate((of) => bench.api.deleteAdapter(of), made);
    await after.close();
  });

  test('keeps a second tab from training, and tells it why', async () => {
    const first = await openBench();
    const second = await openBench();
    await train(first, { ...OPTIONS, steps: LONG, evalEvery: 0, sampleEvery: 0 });
    await reached(first, 1);
    await train(second, OPTIONS);
    expect(await second.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'worker-other-tab' });
    expect((await listRuns(second))[0]).toMatchObject({ status: 'running', resumable: false });
    // Asked without a pause, the busy worker says so at once.
    expect(await first.evaluate(() => bench.api.evaluate('base', 1))).toMatchObject({
      ok: false,
      code: 'worker-training',
    });
    await first.evaluate(() => bench.api.cancelRun());
    const cancelled = await ended(first);
    expect(cancelled).toMatchObject({ status: 'cancelled', resumable: false });
    expect(await listAdapters(first)).toHaveLength(3);
    expect(await first.evaluate((id) => bench.api.deleteRun(id), cancelled.id)).toEqual({ ok: true });
    expect(await listRuns(second)).toHaveLength(3);
    await first.close();
    await second.close();
  });

  test('paused here and resumed in another tab, it is not resumed here from where it was', async () => {
    const first = await openBench();
    const second = await openBench({ ready: false });
    await train(first, OPTIONS);
    const { id, steps } = await interrupted(first, 1);
    await train(second, id);
    const further = await interrupted(second, steps.length + 1);
    expect(further.steps.length).toBeGreaterThan(steps.length);

    // Stopped here it would end the run of the other tab: nothing happens.
    await first.evaluate(() => bench.api.stopRun());
    expect(await listRuns(first)).toContainEqual(expect.objectContaining({ id, status: 'paused' }));
    await train(first, id);
    const back = await interrupted(first, further.steps.length + 1);
    expect(losses(back)).toEqual(losses(whole).slice(0, back.steps.length));
    await first.evaluate(() => bench.api.cancelRun());
    expect((await events(first)).at(-1)).toEqual({ type: 'status', status: 'cancelled' });
    expect((await listRuns(first)).find((run) => run.id === id)).toMatchObject({
      status: 'cancelled',
      resumable: false,
    });
    await first.evaluate((of) => bench.api.deleteRun(of), id);
    await first.close();
    await second.close();
  });

  test('ends where its loss is not finite, and keeps what it learned until then', async () => {
    const page = await context.newPage();
    const worker = await startBench(page);
    // The fourth step says that its numbers are broken.
    await worker.evaluate((slot) => {
      const map = GPUBuffer.prototype.getMappedRange;
      let reads = 0;
      GPUBuffer.prototype.getMappedRange = function (...args) {
        const range = map.apply(this, args);
        if (this.label.startsWith('staging of steps') && ++reads === 4) new Float32Array(range)[slot] = 1;
        return range;
      };
    }, BROKEN_SLOT);
    await openAll(page);
    await train(page, OPTIONS);
    await diverged(page, 1);
    await page.close();
  });

  test('ends where its loss is not finite, and keeps nothing that is not a number', async () => {
    const page = await openBench();
    // More than an f32 holds: the first step makes infinities.
    await train(page, { ...OPTIONS, clip: 0, warmup: 0, lr: 1, rateRatio: 1e39 });
    await diverged(page, 0);
    await page.close();
  });

  test('of a model from a folder goes on without asking for it, and waits for it once it is deleted', async () => {
    const page = await context.newPage();
    await startBench(page);
    const open = (): Promise<Outcome<object>> =>
      page.evaluate(async () => {
        const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];
        const files = names.map(
          async (name) => new File([await (await fetch(`../models/sprig/${name}`)).blob()], name),
        );
        return bench.api.openModel('My model', await Promise.all(files));
      });
    expect(await open()).toMatchObject({ ok: true, model: { name: 'My model', parameters: 1312384 } });
    await page.evaluate(async () => {
      const bytes = new Uint8Array(await (await fetch('voice/train.jsonl')).arrayBuffer());
      const options = { maxLength: 64, overlong: 'drop', validation: 0, test: 0.1, seed: 1 } as const;
      return bench.api.openData({ name: 'train.jsonl', bytes }, options);
    });
    await train(page, { ...OPTIONS, steps: LONG, evalEvery: 0, sampleEvery: 0 });
    const { id, steps } = await interrupted(page, 1);

    await startBench(page);
    await train(page, id);
    const further = await interrupted(page, steps.length + 1);
    expect(await page.evaluate(() => bench.api.listModels())).toMatchObject({
      ok: true,
      models: [{ name: 'My model', runs: ['Captain'], adapters: 0 }],
    });
    expect(await page.evaluate(() => bench.api.deleteModel('My model'))).toEqual({ ok: true });

    await train(page, id);
    expect(await page.evaluate(() => bench.run!)).toMatchObject({
      ok: false,
      code: 'run-other-model',
      remedy: 'Add the folder of My model again under Task, then resume.',
    });
    await open();
    await train(page, id);
    expect(await interrupted(page, further.steps.length + 1, 'cancelRun')).toMatchObject({
      status: 'cancelled',
      baseModel: 'My model',
    });
    await page.evaluate((of) => bench.api.deleteRun(of), id);

    const broken = await page.evaluate(() => bench.api.openModel('Nothing', [new File(['{}'], 'notes.txt')]));
    expect(broken).toMatchObject({ ok: false, code: 'config-missing' });
    await page.close();
  });

  test('survives a lost GPU: it goes on from its checkpoint on a new device', async () => {
    const page = await context.newPage();
    const worker = await startBench(page);
    // Holds on to the device, to take it away later.
    await worker.evaluate(() => {
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await request.apply(this, args);
        Object.assign(globalThis, { device });
        return device;
      };
    });
    await openAll(page);
    await train(page, OPTIONS);
    await reached(page, 2);
    await worker.evaluate(() => (globalThis as unknown as { device: GPUDevice }).device.destroy());
    expect(await page.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'engine-device-lost' });
    expect((await events(page)).at(-1)).toMatchObject({
      type: 'status',
      status: 'failed',
      failure: { code: 'engine-device-lost' },
    });
    const [run] = await listRuns(page);
    expect(run).toMatchObject({ status: 'failed', resumable: true });
    await train(page, run.id);
    expect(losses(await ended(page))).toEqual(losses(whole));
    await page.close();
  });

  test('pauses when the disk is full, and goes on when there is room', async () => {
    // A profile of its own: Chromium looks at the quota before the first write, and then not for a while.
    const profile = await browser.newContext();
    const page = await profile.newPage();
    const devtools = await profile.newCDPSession(page);
    const { origin } = new URL(inject('address'));
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
    await startBench(page);
    await openAll(page);
    await train(page, { ...OPTIONS, steps: 4, warmup: 0, evalEvery: 0, sampleEvery: 0 });
    expect(await page.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'storage-full' });
    expect((await events(page)).at(-1)).toMatchObject({
      type: 'status',
      status: 'paused',
      failure: { code: 'storage-full' },
    });
    const [run] = await listRuns(page);
    expect(run).toMatchObject({ status: 'paused', resumable: true });

    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    await train(page, run.id);
    expect(await ended(page)).toMatchObject({ status: 'done' });
    expect(await listAdapters(page)).toMatchObject([{ runId: run.id }]);
    await profile.close();
  });
});

describe('the library', () => {
  test('exports a PEFT folder, and takes it back', async () => {
    const page = await openBench();
    const [adapter] = await listAdapters(page);
    const exported = await page.evaluate(async (id) => {
      const result = await bench.api.exportAdapter(id);
      return result.ok ? { name: result.fileName, bytes: [...result.bytes] } : result;
    }, adapter.id);
    if (!('bytes' in exported)) throw new Error(exported.what);
    expect(exported.name).toBe('Captain.zip');
    const files = unzipSync(Uint8Array.from(exported.bytes));
    expect(Object.keys(files).sort()).toEqual([
      'Captain/README.md',
      'Captain/adapter_config.json',
      'Captain/adapter_model.safetensors',
    ]);
    expect(JSON.parse(new TextDecoder().decode(files['Captain/adapter_config.json']))).toMatchObject({
      peft_type: 'LORA',
      r: 4,
      target_modules: ['q_proj', 'v_proj'],
    });

    const imported = await page.evaluate(
      (bytes) => bench.api.importAdapter('Taken back', [new File([Uint8Array.from(bytes)], 'adapter.zip')]),
      exported.bytes,
    );
    expect(imported).toMatchObject({
      ok: true,
      adapter: { name: 'Taken back', rank: 4, parameters: adapter.parameters, baseModel: 'sprig' },
    });
    const asked = await page.evaluate(async (id) => {
      const settings = {
        maxNewTokens: 6,
        temperature: 0,
        topK: 0,
        topP: 1,
        minP: 0,
        repetitionPenalty: 1,
        seed: 0,
      };
      const nobody = bench.proxy(() => undefined);
      const ask = (adapter: { id: string }): ReturnType<typeof bench.api.chat> =>
        bench.api.chat(adapter, [{ role: 'user', content: 'Who are you?' }], settings, nobody);
      const back = await bench.api.listAdapters();
      return [await ask({ id }), await ask({ id: back.ok ? back.adapters[0].id : '' })];
    }, adapter.id);
    const [made, back] = asked.map((said) => (said.ok ? said.text : said.what));
    expect(back).toBe(made);
    await page.close();
  });

  test('renames, deletes, and brings back', async () => {
    const page = await openBench({ ready: false });
    const [{ id }] = await listAdapters(page);
    const changed = await page.evaluate(
      (of) => bench.api.updateAdapter(of, { name: ' Bosun ', note: 'kept' }),
      id,
    );
    expect(changed).toMatchObject({ ok: true, adapter: { name: 'Bosun', note: 'kept' } });
    expect(await page.evaluate((of) => bench.api.deleteAdapter(of), id)).toEqual({ ok: true });
    expect((await listAdapters(page)).some((adapter) => adapter.id === id)).toBe(false);
    expect(await page.evaluate((of) => bench.api.exportAdapter(of), id)).toMatchObject({
      ok: false,
      code: 'worker-no-adapter',
    });
    await page.evaluate((of) => bench.api.restoreAdapter(of), id);
    expect((await listAdapters(page)).find((adapter) => adapter.id === id)).toMatchObject({ name: 'Bosun' });
    expect(await page.evaluate(() => bench.api.storage())).toMatchObject({ ok: true });
    await page.close();
  });

  test('is asked until it is told to stop', async () => {
    const page = await openBench();
    const [{ id }] = await listAdapters(page);
    const said = await page.evaluate((of) => {
      const settings = {
        maxNewTokens: 400,
        temperature: 5,
        topK: 0,
        topP: 1,
        minP: 0,
        repetitionPenalty: 1,
        seed: 3,
      };
      const stop = bench.proxy(() => void bench.api.stopChat());
      return bench.api.chat({ id: of }, [{ role: 'user', content: 'Tell me all.' }], settings, stop);
    }, id);
    if (!said.ok) throw new Error(said.what);
    expect(said.tokens.length).toBeGreaterThan(0);
    expect(said.tokens.length).toBeLessThan(400);
    await page.close();
  });

  test('is compared with the base on what was held out', async () => {
    const page = await openBench();
    const [{ id }] = await listAdapters(page);
    const result = await page.evaluate((of) => bench.api.evaluate({ id: of }, 4), id);
    if (!result.ok) throw new Error(result.what);
    const { rows, base, tuned, exact } = result.evaluation;
    expect(rows).toHaveLength(4);
    for (const row of rows)
      expect(row).toMatchObject({ prompt: expect.any(String), base: expect.any(String) });
    expect(tuned.loss).toBeLessThan(base.loss);
    expect(tuned.perplexity).toBeCloseTo(Math.exp(tuned.loss), 3);
    expect(base.supervisedTokens).toBe(tuned.supervisedTokens);
    expect(exact.tuned.total).toBe(4);
    expect(exact.tuned.interval[1]).toBeGreaterThan(0);
    await page.close();
  });
});

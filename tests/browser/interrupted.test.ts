/**
 * Runs that are interrupted. Whatever interrupted it, a resumed run has the curve of an uninterrupted one, bit for bit. Each test on the
 * processor has a profile of its own.
 */
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { BROKEN_SLOT } from '../../src/engine/ops/step.ts';
import type { FormSpec, Outcome, RunUpdate, RunRecord } from '../../src/worker/api.ts';
import {
  ended,
  events,
  interrupted,
  listAdapters,
  listRuns,
  losses,
  openAll,
  openBench,
  OPTIONS,
  reached,
  startBench,
  train,
  type Bench,
} from './bench.ts';
import { closeContexts, computeOn, openChromium } from './chromium.ts';
import { allowSteps, engineOf, holdReads, holdShaders, holdWork } from './gate.ts';
import { WAIT } from './looks.ts';

declare const bench: Bench;

let browser: Browser;
let context: BrowserContext;
/** What a run answers that is cancelled before its first step. */
const CANCELLED = { ok: false, code: 'run-cancelled' };
/** The uninterrupted run, with which the others are compared. */
let whole: RunRecord;

/** A run in one piece. */
async function oneRun(): Promise<RunRecord> {
  const own = await browser.newContext();
  const page = await openBench(own);
  await train(page, OPTIONS);
  const run = await ended(page);
  await own.close();
  return run;
}

beforeAll(async () => {
  browser = await openChromium();
  whole = await oneRun();
});
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());
afterAll(() => closeContexts(browser));

/** Expects that the run fails with so many adapters. */
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
}

describe('a run', () => {
  test('has the curve of one without a pause after it is paused, asked and resumed', async () => {
    const page = await openBench(context);
    await train(page, OPTIONS, 3);
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
      // Pieces come on a port of their own: the last ones may be behind the answer.
      while (said.ok && streamed.join('').length < said.text.length)
        await new Promise((resolve) => setTimeout(resolve));
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
  });

  test('stops at once if it is paused during a validation, and validates when it is resumed', async () => {
    const page = await openBench(context);
    const worker = engineOf(page);
    await train(page, OPTIONS, 5);
    // The answer of step 5 is there: what comes next is the validation of step 6.
    await expect
      .poll(() => events(page), WAIT)
      .toContainEqual(expect.objectContaining({ type: 'sample', step: 5 }));
    const { go } = await holdWork(worker);
    await allowSteps(worker, Infinity);
    const validating = (heard: readonly RunUpdate[]): number[] =>
      heard.flatMap((event) =>
        event.type === 'phase' && event.phase.kind === 'validating' && event.phase.step === 6
          ? [event.phase.done]
          : [],
      );
    await expect.poll(async () => validating(await events(page)), WAIT).toEqual([0]);
    await page.evaluate(() => void bench.api.pauseRun());
    await go();
    const paused = await ended(page);
    expect(paused).toMatchObject({ status: 'paused', resumable: true });
    expect(paused.steps).toHaveLength(6);
    expect(paused.evals.map(({ step }) => step)).toEqual([0]);
    expect(Math.max(...validating(await events(page)))).toBeLessThan(6);

    // From its checkpoint, as after a crash.
    await startBench(page);
    await train(page, paused.id);
    const resumed = await ended(page);
    expect(resumed.status).toBe('done');
    expect(losses(resumed)).toEqual(losses(whole));
    expect(resumed.evals).toEqual(whole.evals);
    expect(resumed.samples).toEqual(whole.samples);
    const rest = (await events(page)).flatMap((event) => (event.type === 'step' ? [event.secondsLeft] : []));
    expect(rest.at(-1)).toBeGreaterThan(0);
  });

  test('resumes after a reload, and keeps what it learned when it is stopped', async () => {
    const page = await openBench(context);
    await train(page, OPTIONS, 2);
    await reached(page, 2);
    // The worker dies with the page, without notice.
    await startBench(page);
    await expect
      .poll(() => listRuns(page).then(([run]) => run), { timeout: 20_000 })
      .toMatchObject({ status: 'paused', resumable: true });
    const [{ id, steps }] = await listRuns(page);
    expect(losses(whole).slice(0, steps.length)).toEqual(steps.map(({ loss }) => loss));

    // Neither model nor data is open: the run brings both.
    await train(page, id, 8);
    const stopped = await interrupted(page, 8, 'stopRun');
    expect(stopped.status).toBe('stopped');
    expect(stopped.steps.length).toBeGreaterThanOrEqual(8);
    expect(losses(stopped)).toEqual(losses(whole).slice(0, stopped.steps.length));
    expect((await listAdapters(page)).filter(({ runId }) => runId === id)).toHaveLength(1);
    expect((await listRuns(page)).find((run) => run.id === id)).toMatchObject({ resumable: false });
  });

  test('is stopped with the adapter of its checkpoint, or discarded, if it is only in storage', async () => {
    const kept = await openBench(context);
    await train(kept, { ...OPTIONS, name: 'From storage' }, 3);
    const { id, steps } = await interrupted(kept, 3);
    await kept.close();

    const page = await openBench(context, { ready: false });
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

    await openAll(page);
    await train(page, OPTIONS, 1);
    const second = await interrupted(page, 1);
    await startBench(page);
    expect(await page.evaluate((of) => bench.api.endRun(of, 'cancel'), second.id)).toMatchObject({
      ok: true,
      run: { status: 'cancelled', resumable: false },
    });
    expect((await listAdapters(page)).filter(({ runId }) => runId === second.id)).toEqual([]);
  });

  test.each(['process', 'worker'])(
    'continues from its last checkpoint if its %s is killed, with the curve of one that was not',
    async (what) => {
      const page = await context.newPage();
      const worker = await startBench(page);
      await openAll(page);
      await train(page, OPTIONS, 3);
      await reached(page, 3);
      // Checkpoints are due by the clock.
      await worker.evaluate(() => {
        const now = performance.now.bind(performance);
        performance.now = () => now() + 60_000;
      });
      await allowSteps(worker, 4);
      await page.waitForFunction(() =>
        bench.events.some((event) => event.type === 'checkpoint' && event.step > 0),
      );
      if (what === 'process') {
        const devtools = await context.newCDPSession(page);
        const crashed = page.waitForEvent('crash');
        // The worker answers nothing any more.
        devtools.send('Page.crash').catch(() => undefined);
        await crashed;
      } else {
        // No answer says that it is done.
        await worker.evaluate(() => self.close()).catch(() => undefined);
      }
      await page.close();

      const after = await openBench(context, { ready: false });
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
    },
  );

  test('keeps a second tab from training, and the tab says why', async () => {
    const first = await openBench(context);
    const second = await openBench(context);
    await train(first, OPTIONS, 1);
    await reached(first, 1);
    await train(second, OPTIONS);
    expect(await second.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'worker-other-tab' });
    expect((await listRuns(second))[0]).toMatchObject({ status: 'running', resumable: false });
    // Asked without a pause, the busy worker says so at once.
    expect(await first.evaluate(() => bench.api.evaluate([], { rows: 1 }))).toMatchObject({
      ok: false,
      code: 'worker-training',
    });
    const cancelled = await interrupted(first, 1, 'cancelRun');
    expect(cancelled).toMatchObject({ status: 'cancelled', resumable: false });
    expect(await listAdapters(first)).toEqual([]);
    expect(await first.evaluate((id) => bench.api.deleteRun(id), cancelled.id)).toEqual({ ok: true });
    expect(await listRuns(second)).toEqual([]);
  });

  test('does not resume here from the old step if it was paused here and resumed in another tab', async () => {
    const first = await openBench(context);
    const second = await openBench(context, { ready: false });
    await train(first, OPTIONS, 1);
    const { id, steps } = await interrupted(first, 1);
    await train(second, id, 1);
    const further = await interrupted(second, steps.length + 1);
    expect(further.steps.length).toBeGreaterThan(steps.length);

    // Stopped here it would end the run of the other tab: nothing happens.
    await first.evaluate(() => bench.api.stopRun());
    expect(await listRuns(first)).toContainEqual(expect.objectContaining({ id, status: 'paused' }));
    await train(first, id, 1);
    const back = await interrupted(first, further.steps.length + 1);
    expect(losses(back)).toEqual(losses(whole).slice(0, back.steps.length));
    await first.evaluate(() => bench.api.cancelRun());
    expect((await events(first)).at(-1)).toEqual({ type: 'status', status: 'cancelled' });
    expect((await listRuns(first)).find((run) => run.id === id)).toMatchObject({
      status: 'cancelled',
      resumable: false,
    });
  });

  test('leaves nothing if it is cancelled while it waits for its turn', async () => {
    const page = await openBench(context);
    const { go } = await holdReads(engineOf(page));
    await page.evaluate(() => {
      Object.assign(globalThis, { measured: bench.api.evaluate([], { rows: 2 }) });
    });
    await train(page, OPTIONS);
    await expect.poll(() => events(page), WAIT).toEqual([{ type: 'wait' }]);
    await page.evaluate(() => bench.api.cancelRun());
    expect(await page.evaluate(() => bench.run!)).toMatchObject(CANCELLED);
    await go();
    const measured = page.evaluate(
      () => (globalThis as unknown as { measured: Promise<Outcome<object>> }).measured,
    );
    expect(await measured).toMatchObject({ ok: true });
    expect(await listRuns(page)).toEqual([]);
  });

  test('ends where its loss is not finite, and keeps nothing that is not a number', async () => {
    const page = await openBench(context);
    // More than an f32 holds: the first step makes infinities.
    await train(page, { ...OPTIONS, clip: 0, warmup: 0, lr: 1, rateRatio: 1e39 });
    await diverged(page, 0);
  });

  test('resumes with a model from a folder without asking for it, and waits for the model once that is deleted', async () => {
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
    await train(page, { ...OPTIONS, evalEvery: 0, sampleEvery: 0 }, 1);
    const { id, steps } = await interrupted(page, 1);

    await startBench(page);
    await train(page, id, 1);
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
    await train(page, id, 1);
    expect(await interrupted(page, further.steps.length + 1, 'cancelRun')).toMatchObject({
      status: 'cancelled',
      baseModel: 'My model',
    });

    const broken = await page.evaluate(() => bench.api.openModel('Nothing', [new File(['{}'], 'notes.txt')]));
    expect(broken).toMatchObject({ ok: false, code: 'config-missing' });
  });

  test('says before its first step that there is not enough room for the state of all weights', async () => {
    const page = await openBench(context);
    // Chromium does not tell its real quota. This is what it would say about a small one.
    await engineOf(page).evaluate(() => {
      navigator.storage.estimate = async () => ({ usage: 1e6, quota: 9e6 });
    });
    await train(page, { ...OPTIONS, steps: 4, warmup: 0, method: 'full' });
    expect(await page.evaluate(() => bench.run!)).toMatchObject({
      ok: false,
      code: 'run-room',
      what: expect.stringMatching(/^The run saves its state in the storage .* and 8\.0 MB are free\.$/),
      remedy: expect.stringMatching(/^Free \d+\.\d MB: delete models and runs under Storage/),
    });
    expect(await listRuns(page)).toEqual([]);
    // An adapter's states are small.
    await train(page, { ...OPTIONS, steps: 4, warmup: 0 });
    expect(await ended(page)).toMatchObject({ status: 'done' });
  });

  test('pauses when the disk is full, and resumes when there is room', async () => {
    // Chromium checks the quota before the first write, and then not for a while.
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
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
  });
});

/**
 * Only a GPU has shaders to compile, buffers to map, and a device that can be lost. SwiftShader compiles for ten seconds on each device: the tests have one page,
 * and the second device is the one after the loss.
 */
describe('a run on a GPU', () => {
  /** Few steps, without the kernels of validation and answers, which worker.test.ts has. */
  const PLAIN: FormSpec = { ...OPTIONS, steps: 8, evalEvery: 0, sampleEvery: 0 };
  let page: Page;
  let worker: Worker;
  beforeAll(async () => {
    const own = await browser.newContext();
    await computeOn(own, 'gpu');
    page = await openBench(own);
    worker = engineOf(page);
  });

  test('leaves nothing if it is cancelled while it is prepared', async () => {
    const { go } = await holdShaders(worker);
    await train(page, PLAIN);
    await expect.poll(() => events(page), WAIT).toContainEqual({ type: 'status', status: 'running' });
    await page.evaluate(() => bench.api.cancelRun());
    await go();
    expect(await page.evaluate(() => bench.run!)).toMatchObject(CANCELLED);
    expect(await listRuns(page)).toEqual([]);
  });

  test('ends where its loss is not finite, and keeps what it learned until then', async () => {
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
    await train(page, PLAIN);
    await diverged(page, 1);
  });

  test('survives a lost GPU: on a new device it stays as it was if it is paused while it is prepared, and then has the curve of one that was not lost', async () => {
    // Keeps the device, to destroy it later.
    await worker.evaluate(() => {
      const encode = GPUDevice.prototype.createCommandEncoder;
      GPUDevice.prototype.createCommandEncoder = function (...args) {
        Object.assign(globalThis, { device: this });
        return encode.apply(this, args);
      };
    });
    await train(page, PLAIN, 3);
    const { steps } = await interrupted(page, 3);
    const [{ id }] = await listRuns(page);
    await train(page, id, 1);
    await reached(page, steps.length + 1);
    await worker.evaluate(() => (globalThis as unknown as { device: GPUDevice }).device.destroy());
    await allowSteps(worker, Infinity);
    expect(await page.evaluate(() => bench.run!)).toMatchObject({ ok: false, code: 'engine-device-lost' });
    expect((await events(page)).at(-1)).toMatchObject({
      type: 'status',
      status: 'failed',
      failure: { code: 'engine-device-lost' },
    });
    const [failed] = await listRuns(page);
    expect(failed).toMatchObject({ id, status: 'failed', resumable: true });

    const { go } = await holdShaders(worker);
    await train(page, id);
    await expect.poll(() => events(page), WAIT).toContainEqual({ type: 'status', status: 'running' });
    await page.evaluate(() => bench.api.pauseRun());
    await go();
    const { status, resumable, steps: kept } = failed;
    expect(await ended(page)).toMatchObject({ status, resumable, steps: kept });
    await train(page, id);
    const resumed = losses(await ended(page));
    await train(page, PLAIN);
    expect(resumed).toEqual(losses(await ended(page)));
  });
});

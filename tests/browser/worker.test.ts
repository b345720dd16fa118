/** What the worker does when nothing goes wrong: it trains, keeps, exports, answers and measures. The tests share a profile. */
import { comparedOf, sideOf } from '../../src/evaluate/sides.ts';
import { engineOf, holdUntilAborted } from './gate.ts';
import { unzipSync, zipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdapterChoice, AdapterInfo, Progress, RunRecord } from '../../src/worker/api.ts';
import { ended, events, listAdapters, listRuns, openBench, OPTIONS, train, type Bench } from './bench.ts';
import { closeContexts, computeOn, openChromium } from './chromium.ts';

declare const bench: Bench;

let browser: Browser;
let context: BrowserContext;
/** What computes: a software GPU compiles its kernels for seconds on each page. */
let computing: Page;
/** What measures, on the processor: the kernels are those that the other page has run. */
let measuring: Page;
/** The run whose adapter the library has. */
let whole: RunRecord;

beforeAll(async () => {
  browser = await openChromium();
  context = await browser.newContext();
  // A few tests compute on a software GPU, to run the page's shaders.
  await computeOn(context, 'gpu');
  computing = await openBench(context);
  measuring = await openBench(context, { on: 'auto' });
});
afterAll(() => closeContexts(browser));

/** What the run left in the library. */
async function captain(page: Page): Promise<AdapterInfo> {
  return (await listAdapters(page)).find(({ runId }) => runId === whole.id)!;
}

/** Marks an adapter as deleted at a time of one's choice, behind the worker's back. */
function mark(page: Page, id: string, deleted: number): Promise<void> {
  return page.evaluate(
    ([key, at]) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('graft');
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('adapters', 'readwrite');
          const store = transaction.objectStore('adapters');
          const found = store.get(key);
          found.onsuccess = () => store.put({ ...found.result, deleted: at });
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
          transaction.onabort = () => reject(transaction.error!);
        };
      }),
    [id, deleted] as const,
  );
}

/** Counts the bytes of buffers that are made on the GPU from now on, and of those that still exist. */
async function watchGpu(page: Page): Promise<{ made(): Promise<number>; left(): Promise<number> }> {
  const worker = engineOf(page);
  await worker.evaluate(() => {
    const buffers = { made: 0, left: 0 };
    Object.assign(globalThis, { buffers });
    // Once for each method: an earlier test may have wrapped it already.
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = create.call(this, descriptor);
      buffers.made += descriptor.size;
      buffers.left += descriptor.size;
      const destroy = buffer.destroy.bind(buffer);
      let there = true;
      buffer.destroy = () => {
        if (there) buffers.left -= descriptor.size;
        there = false;
        return destroy();
      };
      return buffer;
    };
  });
  const read = (of: 'made' | 'left'): Promise<number> =>
    worker.evaluate(
      (name) => (globalThis as unknown as { buffers: Record<string, number> }).buffers[name],
      of,
    );
  return { made: () => read('made'), left: () => read('left') };
}

/** Ids of all adapters that storage has, hidden ones too. For the page. */
function storedAdapters(): Promise<IDBValidKey[]> {
  return new Promise((resolve) => {
    const opening = indexedDB.open('graft');
    opening.onsuccess = () => {
      const keys = opening.result.transaction('adapters').objectStore('adapters').getAllKeys();
      keys.onsuccess = () => {
        opening.result.close();
        resolve(keys.result);
      };
    };
  });
}

describe('a run', () => {
  test('shows a row as the model sees it', async () => {
    const page = computing;
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
  });

  test('trains, samples, evaluates, and leaves its adapter in the library', async () => {
    const page = computing;
    const planned = await page.evaluate((asked) => bench.api.planRun(asked), OPTIONS);
    await train(page, OPTIONS);
    whole = await ended(page);
    expect(whole.status).toBe('done');
    // What was planned is what the steps say that the GPU holds.
    expect(planned).toMatchObject({ ok: true, memory: { problems: [], advice: [] } });
    const { memory } = planned as Extract<typeof planned, { ok: true }>;
    expect(whole.steps.map(({ gpuBytes }) => gpuBytes)).toEqual(whole.steps.map(() => memory.steadyBytes));
    // And the most that the whole run took is the one number that the form tells.
    const taken = (await events(page)).flatMap((event) => (event.type === 'memory' ? [event.taken] : []));
    expect(taken.at(-1)).toBe(memory.peakBytes);
    expect(whole.takenBytes).toBe(memory.peakBytes);
    expect(whole.steps.map(({ step }) => step)).toEqual(
      Array.from({ length: OPTIONS.steps }, (_, i) => i + 1),
    );
    // At step 0 the base model answers: the first step has its loss before any update.
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
  });

  test('listing runs reads none of their curves; a run that is opened has its own, read and judged', async () => {
    const page = await openBench(context, { ready: false });
    const worker = engineOf(page);
    await worker.evaluate(() => {
      const seen: string[] = [];
      Object.assign(globalThis, { seen });
      for (const name of ['get', 'getAll', 'openCursor'] as const) {
        const read = IDBObjectStore.prototype[name] as (...args: unknown[]) => unknown;
        Object.assign(IDBObjectStore.prototype, {
          [name](this: IDBObjectStore, ...args: unknown[]) {
            seen.push(this.name);
            return read.apply(this, args);
          },
        });
      }
    });
    const listed = await page.evaluate(() => bench.api.listRuns());
    if (!listed.ok) throw new Error(listed.what);
    const stores = await worker.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
    expect(stores).toContain('run-summaries');
    expect(stores).not.toContain('runs');
    expect(stores).not.toContain('rows');
    const [{ id, step, bestEval, reading }] = listed.runs;
    expect(listed.runs[0]).not.toHaveProperty('steps');
    const own = whole.evals.filter((entry) => entry.step > 0);
    expect({ id, step }).toEqual({ id: whole.id, step: OPTIONS.steps });
    expect(bestEval?.loss).toBe(Math.min(...own.map(({ loss }) => loss)));
    expect(reading).toMatchObject({ of: 'validation', step: OPTIONS.steps, before: whole.evals[0].loss });
    expect(await page.evaluate((of) => bench.api.readRun(of), id)).toEqual({ ok: true, run: whole });
    expect(await page.evaluate(() => bench.api.readRun('gone'))).toMatchObject({
      ok: false,
      code: 'run-missing',
    });
    await page.close();
  });
});

describe('the library', () => {
  test('exports a PEFT folder, and imports it again', async () => {
    const page = computing;
    const adapter = await captain(page);
    const exported = await page.evaluate(async (id) => {
      const result = await bench.api.exportAdapter(id, false);
      return result.ok
        ? { name: result.fileName, bytes: [...new Uint8Array(await result.file.arrayBuffer())] }
        : result;
    }, adapter.id);
    if (!('bytes' in exported)) throw new Error(exported.what);
    expect(exported.name).toBe('Captain.zip');
    const files = unzipSync(Uint8Array.from(exported.bytes));
    expect(Object.keys(files).sort()).toEqual([
      'Captain/README.md',
      'Captain/SHA256SUMS',
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
      adapters: [{ name: 'Taken back', rank: 4, parameters: adapter.parameters, baseModel: 'sprig' }],
    });

    // A zip with two adapters gives both, under the names of their folders.
    const [config, weights] = ['Captain/adapter_config.json', 'Captain/adapter_model.safetensors'].map(
      (name) => files[name],
    );
    const pair = zipSync({
      'first/adapter_config.json': config,
      'first/adapter_model.safetensors': weights,
      'more/second/adapter_config.json': config,
      'more/second/adapter_model.safetensors': weights,
    });
    const both = await page.evaluate(
      async (bytes) => {
        const outcome = await bench.api.importAdapter('Both', [
          new File([Uint8Array.from(bytes)], 'both.zip'),
        ]);
        if (outcome.ok) for (const { id } of outcome.adapters) await bench.api.deleteAdapter(id);
        return outcome;
      },
      [...pair],
    );
    expect(both).toMatchObject({ ok: true, adapters: [{ name: 'first' }, { name: 'second' }] });
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
  });

  /** The answers of adapters to the same question, one after the other. */
  const answersOf = (choices: readonly AdapterChoice[]): Promise<string[]> =>
    computing.evaluate(async (asked) => {
      const settings = { maxNewTokens: 6, temperature: 0, topK: 0, topP: 1, minP: 0 };
      const nobody = bench.proxy(() => undefined);
      const answers: string[] = [];
      for (const choice of asked) {
        const question = [{ role: 'user', content: 'Who are you?' }] as const;
        const all = { ...settings, repetitionPenalty: 1, seed: 0 };
        const said = await bench.api.chat(choice, question, all, nobody);
        answers.push(said.ok ? said.text : said.what);
      }
      return answers;
    }, choices);

  test('switches between adapters that have answered before without allocating on the GPU', async () => {
    const adapters = (await listAdapters(computing)).map(({ id }) => ({ id }));
    const choices = [...adapters, 'base' as const];
    const before = await answersOf(choices);
    expect(before.at(-1)).not.toBe(before[0]);
    const worker = engineOf(computing);
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
    expect(await answersOf(choices.toReversed())).toEqual(before.toReversed());
    expect(await worker.evaluate(() => (globalThis as unknown as { made: string[] }).made)).toEqual([]);
  });

  test('leaves nothing of a deleted adapter on the GPU, though it can be restored', async () => {
    const freed = await watchGpu(computing);
    const { id } = await captain(computing);
    const copied = await computing.evaluate(async (of) => {
      const zip = await bench.api.exportAdapter(of, false);
      return zip.ok ? bench.api.importAdapter('Copy', [new File([zip.file], 'copy.zip')]) : zip;
    }, id);
    if (!copied.ok) throw new Error(copied.what);
    const [copy] = copied.adapters;
    const [own, again] = await answersOf([{ id }, { id: copy.id }]);
    expect(again).toBe(own);
    expect(await freed.made()).toBeGreaterThan(4 * copy.parameters * 0.9);
    expect(await computing.evaluate((of) => bench.api.deleteAdapter(of), copy.id)).toEqual({ ok: true });
    await expect.poll(() => freed.left()).toBe(0);
    expect(await computing.evaluate((of) => bench.api.restoreAdapter(of), copy.id)).toMatchObject({
      ok: true,
    });
    expect(await computing.evaluate((of) => bench.api.deleteAdapter(of), copy.id)).toEqual({ ok: true });
  });

  test('renames, deletes and restores', async () => {
    const page = await openBench(context, { ready: false });
    const { id } = await captain(page);
    const changed = await page.evaluate(
      (of) => bench.api.updateAdapter(of, { name: ' Bosun ', note: 'kept' }),
      id,
    );
    expect(changed).toMatchObject({ ok: true, adapter: { name: 'Bosun', note: 'kept' } });
    expect(await page.evaluate((of) => bench.api.deleteAdapter(of), id)).toEqual({ ok: true });
    expect((await listAdapters(page)).some((adapter) => adapter.id === id)).toBe(false);
    expect(await page.evaluate((of) => bench.api.exportAdapter(of, false), id)).toMatchObject({
      ok: false,
      code: 'worker-no-adapter',
    });
    // It lies in storage and not in the worker: another one brings it back.
    const other = await openBench(context, { ready: false });
    expect(await other.evaluate((of) => bench.api.restoreAdapter(of), id)).toMatchObject({ ok: true });
    await other.close();
    expect((await listAdapters(page)).find((adapter) => adapter.id === id)).toMatchObject({ name: 'Bosun' });
    expect(await page.evaluate(() => bench.api.storage())).toMatchObject({ ok: true });
    await page.close();
  });

  test('answers until it is stopped', async () => {
    const page = computing;
    const { id } = await captain(page);
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
      const request = new AbortController();
      const stop = bench.proxy(() => request.abort());
      const asked = [{ role: 'user', content: 'Tell me all.' }] as const;
      return bench.api.chat({ id: of }, asked, settings, stop, undefined, request.signal);
    }, id);
    if (!said.ok) throw new Error(said.what);
    expect(said.tokens.length).toBeGreaterThan(0);
    expect(said.tokens.length).toBeLessThan(400);
  });

  test('is compared with the base on held-out rows', async () => {
    const page = measuring;
    const { id } = await captain(page);
    const result = await page.evaluate((of) => bench.api.evaluate([{ id: of }], { rows: 4 }), id);
    if (!result.ok) throw new Error(result.what);
    const { items } = result.evaluation;
    const [sides] = comparedOf(result.evaluation);
    const base = sides.base.subject.loss!;
    const tuned = sides.tuned.subject.loss!;
    expect(base.rows).toBe(4);
    expect(items).toHaveLength(4);
    for (const item of items) expect(item).toMatchObject({ prompt: expect.any(String) });
    expect([sides.base.answers.length, sides.tuned.answers.length]).toEqual([4, 4]);
    expect(tuned.loss).toBeLessThan(base.loss);
    expect(tuned.perplexity).toBeCloseTo(Math.exp(tuned.loss), 3);
    expect(base.supervisedTokens).toBe(tuned.supervisedTokens);
    expect(sides.tuned.exact.total).toBe(4);
    expect(sides.tuned.exact.interval[1]).toBeGreaterThan(0);

    // The loss can be of every held-out row.
    const all = await page.evaluate((of) => bench.api.evaluate([{ id: of }], { rows: 4, lossOf: 'all' }), id);
    if (!all.ok) throw new Error(all.what);
    expect(all.evaluation.made.draw?.test).toBe(40);
    const [whole] = comparedOf(all.evaluation);
    expect([whole.base.subject.loss?.rows, whole.tuned.subject.loss?.rows]).toEqual([40, 40]);
    expect(all.evaluation.items).toEqual(items);
    expect(whole.tuned.answers).toEqual(sides.tuned.answers);
  });

  test('keeps the rows that both answered when a measurement is stopped', async () => {
    const page = measuring;
    const worker = engineOf(page);
    const { id } = await captain(page);
    // Sixteen answers are under way at once. With the tokens of twenty, at least four have ended.
    await holdUntilAborted(worker, { by: 'adapter', done: 20 });
    const stopped = await page.evaluate((of) => {
      const request = new AbortController();
      const stop = bench.proxy(({ what, by, done }: Progress) => {
        if (what === 'answering' && by === 'adapter' && done >= 20) request.abort();
      });
      return bench.api.evaluate([{ id: of }], { rows: 32 }, stop, request.signal);
    }, id);
    if (!stopped.ok) throw new Error(stopped.what);
    expect(stopped.stopped).toBe(true);
    const { items, made } = stopped.evaluation;
    const [{ base, tuned }] = comparedOf(stopped.evaluation);
    expect(items.length).toBeGreaterThanOrEqual(3);
    expect(items.length).toBeLessThan(32);
    expect(made.draw).toMatchObject({ planned: 32 });
    expect([base.subject.loss, tuned.subject.loss]).toEqual([undefined, undefined]);
    expect(tuned.exact.total).toBe(items.length);
    // They are the first of the whole sample, with the same answers.
    const whole = await page.evaluate((of) => bench.api.evaluate([{ id: of }], { rows: 32 }), id);
    if (!whole.ok) throw new Error(whole.what);
    expect(whole.stopped).toBe(false);
    expect(whole.evaluation.items.slice(0, items.length)).toEqual(items);
    const [all] = comparedOf(whole.evaluation);
    expect(all.tuned.answers.slice(0, items.length)).toEqual(tuned.answers);
    expect(all.base.subject.loss?.rows).toBe(32);

    // With examples before each question as well.
    await holdUntilAborted(worker, { done: 20 });
    const few = await page.evaluate(() => {
      const request = new AbortController();
      const stop = bench.proxy(({ what, done }: Progress) => {
        if (what === 'answering' && done >= 20) request.abort();
      });
      return bench.api.measureFewShot(1, { rows: 32 }, stop, 'base', request.signal);
    });
    if (!few.ok) throw new Error(few.what);
    expect(few.stopped).toBe(true);
    const asked = few.evaluation.items.length;
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(asked).toBeLessThan(32);
    expect(sideOf(few.evaluation, 0).exact.total).toBe(asked);
    expect(few.evaluation.made.draw).toMatchObject({ planned: 32 });

    // Stopped before both had answered a row, it says what is kept.
    await holdUntilAborted(worker, { by: 'adapter', done: 0 });
    const none = await page.evaluate((of) => {
      const request = new AbortController();
      const stop = bench.proxy(({ what, by }: Progress) => {
        if (what === 'answering' && by === 'adapter') request.abort();
      });
      return bench.api.evaluate([{ id: of }], { rows: 32 }, stop, request.signal);
    }, id);
    expect(none).toMatchObject({ ok: false, code: 'worker-aborted' });
    expect(none).toMatchObject({ remedy: expect.stringMatching(/The base model answered 32 rows/) });
  });

  test('clears at a start what was deleted before it, and nothing that is deleted meanwhile', async () => {
    const page = await openBench(context, { ready: false });
    const { id } = await captain(page);
    const other = (await listAdapters(page)).find((adapter) => adapter.id !== id)!;
    // As deleted an hour before the start, and an hour after it: while it clears.
    const hour = 3_600_000;
    await mark(page, other.id, Date.now() - hour);
    await mark(page, id, Date.now() + hour);
    // A start clears only if no other tab is open.
    const watching = await context.newPage();
    await watching.goto(page.url());
    await Promise.all([page, computing, measuring].map((open) => open.close()));
    await expect
      .poll(() => watching.evaluate(async () => (await navigator.locks.query()).held?.length))
      .toBe(0);
    const next = await openBench(context, { ready: false });
    await expect.poll(() => watching.evaluate(storedAdapters)).toEqual([id]);
    expect(await next.evaluate((of) => bench.api.restoreAdapter(of), id)).toMatchObject({ ok: true });
    await Promise.all([next.close(), watching.close()]);
  });
});

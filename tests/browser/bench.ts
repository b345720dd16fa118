/**
 * The worker of the production build, without the studio around it: a page of the same origin that shows a data file, starts the
 * worker's own script and speaks to it as the studio does.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { expect, inject } from 'vitest';
import type {
  AdapterInfo,
  DeviceChoice,
  GraftWorker,
  Outcome,
  RunUpdate,
  FormSpec,
  RunRecord,
} from '../../src/worker/api.ts';
import { computeOn, type ComputesOn } from './chromium.ts';
import { allowSteps, engineOf } from './gate.ts';

const COMLINK = readFileSync(
  createRequire(import.meta.url)
    .resolve('comlink')
    .replace(/esm\/comlink\.mjs$/, 'umd/comlink.js'),
  'utf8',
);

/** What the tests put on their page. */
export interface Bench {
  /** Each of its calls is a promise, so the bridge's own types add nothing. */
  readonly api: GraftWorker;
  readonly events: RunUpdate[];
  /** Comlink's `proxy`. */
  readonly proxy: <T extends object>(value: T) => T;
  run?: Promise<Outcome<{ readonly run: RunRecord }>>;
}
declare const bench: Bench;

export const OPTIONS: FormSpec = {
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
  shuffle: true,
  rankPattern: {},
  alphaPattern: {},
  checkpointing: false,
  evalEvery: 6,
  patience: 0,
  sampleEvery: 5,
  samplePrompt: 'Who are you?',
};

let script: string | undefined;

/** Where the worker's own script is, as the studio starts it. */
async function findScript(browser: Browser): Promise<string> {
  const studio = await browser.newPage();
  const [worker] = await Promise.all([studio.waitForEvent('worker'), studio.goto(inject('address'))]);
  await studio.close();
  return worker.url();
}

/** A page with a worker of its own, and the bundled model and data if asked. @param on what it computes on, if not as other pages of the context */
export async function openBench(
  context: BrowserContext,
  { ready = true, on }: { ready?: boolean; on?: ComputesOn } = {},
): Promise<Page> {
  const page = await context.newPage();
  if (on) await computeOn(page, on);
  await startBench(page);
  if (ready) await openAll(page);
  return page;
}

/** Starts a worker at the page. The worker before ends without notice. */
export async function startBench(page: Page): Promise<Worker> {
  const url = (script ??= await findScript(page.context().browser()!));
  await page.goto(new URL('samples/index.json', inject('address')).href);
  // Through the debugger, which the page's policy does not restrict.
  await page.evaluate(COMLINK);
  const [worker] = await Promise.all([
    page.waitForEvent('worker'),
    page.evaluate((at) => {
      const { wrap, proxy, transferHandlers } = (
        globalThis as unknown as { Comlink: typeof import('comlink') }
      ).Comlink;
      // As `src/abort-signals.ts` sends them.
      transferHandlers.set('AbortSignal', {
        canHandle: (value): value is AbortSignal => value instanceof AbortSignal,
        serialize(signal: AbortSignal) {
          const { port1, port2 } = new MessageChannel();
          signal.addEventListener('abort', () => port1.postMessage(undefined));
          return [port2, [port2]];
        },
        deserialize: () => undefined,
      });
      const api = wrap<GraftWorker>(new globalThis.Worker(at, { type: 'module' }));
      Object.assign(globalThis, { bench: { api, proxy, events: [] } });
    }, url),
  ]);
  return worker;
}

/** Opens the bundled model and the sample of the sea captain. */
export async function openAll(page: Page): Promise<void> {
  const opened = await page.evaluate(async () => {
    // As the studio does: see `computeOn`.
    const device = localStorage.getItem('graft-device');
    if (device) await bench.api.useDevice(device as DeviceChoice);
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
    const data = await bench.api.openData(await file('voice/train.jsonl'), options, {
      heldOut: await file('voice/test.jsonl'),
    });
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

/**
 * Starts or resumes a run, without waiting for its end.
 *
 * @param steps that pass before the run waits for `interrupted`; all if left out
 */
export async function train(page: Page, what: FormSpec | string, steps = Infinity): Promise<void> {
  await allowSteps(engineOf(page), steps);
  await page.evaluate((asked) => {
    bench.events.length = 0;
    const hear = bench.proxy((event: RunUpdate) => void bench.events.push(event));
    bench.run =
      typeof asked === 'string' ? bench.api.resumeRun(asked, hear) : bench.api.startRun(asked, hear);
  }, what);
}

/** Waits until the run has made so many steps, counted from its beginning. */
export async function reached(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (least) => bench.events.some((event) => event.type === 'step' && event.step >= least),
    step,
    { timeout: 120_000, polling: 20 },
  );
}

/** Interrupts a run where it waits, once it has made so many steps, counted from its beginning. */
export async function interrupted(
  page: Page,
  step: number,
  how: 'pauseRun' | 'stopRun' | 'cancelRun' = 'pauseRun',
): Promise<RunRecord> {
  await reached(page, step);
  await page.evaluate((call) => void bench.api[call](), how);
  await allowSteps(engineOf(page), Infinity);
  return ended(page);
}

/** The run, when it has ended or paused. @throws Error with the failure that it ended in */
export async function ended(page: Page): Promise<RunRecord> {
  const outcome = await page.evaluate(() => bench.run!);
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.what}`);
  return outcome.run;
}

export const events = (page: Page): Promise<RunUpdate[]> => page.evaluate(() => bench.events);
export const losses = ({ steps }: RunRecord): number[] => steps.map(({ loss }) => loss);

/** All runs, each with its curve. */
export async function listRuns(page: Page): Promise<readonly RunRecord[]> {
  return page.evaluate(async () => {
    const listed = await bench.api.listRuns();
    if (!listed.ok) throw new Error(listed.what);
    const runs: RunRecord[] = [];
    for (const { id } of listed.runs) {
      const read = await bench.api.readRun(id);
      if (!read.ok) throw new Error(read.what);
      runs.push(read.run);
    }
    return runs;
  });
}

export async function listAdapters(page: Page): Promise<readonly AdapterInfo[]> {
  const listed = await page.evaluate(() => bench.api.listAdapters());
  if (!listed.ok) throw new Error(listed.what);
  return listed.adapters;
}

// @ts-check
/**
 * What rows cost on the page: `node bench/page-rows.mjs FILE [FILE…] [--cancel] [--check] [--edit] [--train] [--snapshot] [--built]`. Each file is opened under Data of the production page in a fresh
 * Chromium, in these stages: `--cancel` opens it, stops half-way, collects garbage and opens it again; then it is opened; `--check` waits for the check of its rows, which is stopped otherwise;
 * `--edit` leaves a row out and brings it back, changes a text and undoes that; `--train` starts a run and waits for its first step.
 *
 * It prints for each stage the seconds on the clock and those of processor time of the page, the most of the heap of JavaScript that was used meanwhile, read
 * four times a second from the page and from its worker through the debugger (`Runtime.getHeapUsage`), with the memory of array buffers (`backingStorageSize`); and the most
 * that a renderer process had resident so far (`VmHWM`). `--snapshot` sums a heap snapshot of the worker by kinds of objects. `--built` serves `dist/` as it is.
 *
 * `npx tsx bench/rows.ts --keep FOLDER` writes such files.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from '../scripts/machine.mjs';

const POLL_MS = 250;
const WAIT_MS = 3_600_000;
const MEGABYTE = 1e6;
/** The share of a file after which reading it is stopped. */
const HALF = 0.5;
/** What stands under the findings after a check. */
const CHECKED = /checks? found nothing\./;
/** Ticks of the processor time of Linux in a second. */
const TICKS = 100;

const flags = process.argv.slice(2).filter((one) => one.startsWith('--'));
const files = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const isOn = (/** @type {string} */ flag) => flags.includes(flag);

const executablePath = findChromium();
if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs --tests');
if (!isOn('--built')) await build({ root, logLevel: 'error' });
const server = await preview({ root, logLevel: 'warn', preview: { port: 0, strictPort: false } });

/**
 * The debugger of the worker that a page started last, through the session of the page.
 *
 * @param {import('playwright-core').CDPSession} session
 */
async function workerOf(session) {
  let id = '';
  let count = 0;
  /** @type {Map<number, (result: any) => void>} */
  const waiting = new Map();
  /** @type {Set<(method: string, params: any) => void>} */
  const listeners = new Set();
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker' && id === '') id = sessionId;
  });
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id: of, result, method, params } = JSON.parse(message);
    if (of === undefined) for (const listener of listeners) listener(method, params);
    else waiting.get(of)?.(result);
  });
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  return {
    listeners,
    /** @param {string} method @param {object} params @returns {Promise<any>} */
    send(method, params = {}) {
      const number = ++count;
      return new Promise((resolve) => {
        waiting.set(number, resolve);
        void session.send('Target.sendMessageToTarget', {
          sessionId: id,
          message: JSON.stringify({ id: number, method, params }),
        });
      });
    },
  };
}

/**
 * The renderer of a browser that had most memory: the most that it had resident, in bytes, and the seconds of processor time of its threads.
 *
 * @param {number} parent process of the browser
 */
function rendererOf(parent) {
  let found = { resident: 0, seconds: 0 };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const [status, command, stat] = ['status', 'cmdline', 'stat'].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, 'utf8'),
      );
      if (!command.includes('--type=renderer') || !ancestors(Number(pid)).includes(parent)) continue;
      const resident = 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12).map(Number);
      if (resident > found.resident) found = { resident, seconds: (user + system) / TICKS };
    } catch {
      // It has ended.
    }
  return found;
}

/** @param {number} pid @returns {number[]} */
function ancestors(pid) {
  if (pid <= 1) return [];
  const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return [parent, ...ancestors(parent)];
}

/** Bytes of a heap snapshot by the kinds of its objects, the most first. @param {string} text @returns {[string, number][]} */
function sumsOf(text) {
  const { snapshot, nodes, strings } = JSON.parse(text);
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const kind = types[0][nodes[at + type]];
    const key = ['object', 'native', 'hidden', 'object shape'].includes(kind)
      ? `${kind} ${strings[nodes[at + name]]}`
      : kind;
    sums.set(key, (sums.get(key) ?? 0) + nodes[at + size]);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));
const megabytes = (/** @type {number} */ bytes) => `${(bytes / MEGABYTE).toFixed(0)} MB`;

console.log(
  '| file | size | stage | clock, s | processor time, s | worker: heap | worker: buffers | page: heap | page: buffers | resident so far |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|');
for (const file of files) {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--enable-precise-memory-info'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(WAIT_MS);
    const session = await page.context().newCDPSession(page);
    const worker = await workerOf(session);
    await page.goto(`${server.resolvedUrls?.local[0] ?? ''}#/data`);
    await page.getByLabel('Open a file').waitFor({ state: 'attached' });
    const browserProcess = await browser.newBrowserCDPSession();
    const { processInfo } = await browserProcess.send('SystemInfo.getProcessInfo');
    const parent = processInfo.find(({ type }) => type === 'browser')?.id ?? 0;

    /** The most of each kind of memory since a stage started. */
    let most = [0, 0, 0, 0];
    const poll = async () => {
      const [own, others] = await Promise.all([
        session.send('Runtime.getHeapUsage'),
        worker.send('Runtime.getHeapUsage'),
      ]);
      const now = [others.usedSize, others.backingStorageSize, own.usedSize, own.backingStorageSize];
      most = most.map((one, at) => Math.max(one, now[at]));
    };
    /** @param {string} name @param {() => Promise<unknown>} work */
    const stage = async (name, work) => {
      most = [0, 0, 0, 0];
      const [began, before] = [performance.now(), rendererOf(parent).seconds];
      let isDone = false;
      const polling = (async () => {
        while (!isDone) {
          await poll();
          await pause();
        }
      })();
      let clock;
      try {
        await work();
      } finally {
        clock = (performance.now() - began) / 1000;
        isDone = true;
        await polling;
      }
      const { seconds, resident } = rendererOf(parent);
      const cells = [clock.toFixed(1), (seconds - before).toFixed(1), ...[...most, resident].map(megabytes)];
      console.log(
        `| ${basename(file)} | ${megabytes(statSync(file).size)} | ${name} | ${cells.join(' | ')} |`,
      );
    };
    const button = (/** @type {string | RegExp} */ name) =>
      page.getByRole('button', { name, exact: true }).first();
    const choose = () => page.getByLabel('Open a file').setInputFiles(file);
    const collect = async () => {
      await worker.send('HeapProfiler.collectGarbage');
      await session.send('HeapProfiler.collectGarbage');
    };

    if (isOn('--cancel')) {
      await stage('stopped half-way', async () => {
        await choose();
        // Bytes are hashed first, and then read.
        const read = `[...document.querySelectorAll('.wait')].find((one) => / read\\b/.test(one.textContent))`;
        while (!(await page.evaluate(`${read}?.querySelector('progress')?.position >= ${HALF}`)))
          await pause();
        await button('Stop').click();
        await page.getByLabel('Open a file').waitFor({ state: 'attached' });
      });
      await stage('after it, garbage collected', collect);
    }
    await stage('opened', async () => {
      await choose();
      await page.getByRole('heading', { name: /as the model sees it/ }).waitFor();
    });
    if (isOn('--check')) await stage('checked', () => page.getByText(CHECKED).first().waitFor());
    else await button('Stop the check').click();
    if (isOn('--edit')) {
      await stage('a row left out', async () => {
        await button('Leave it out').click();
        await button('Bring it back').waitFor();
      });
      await stage('brought back', async () => {
        await button('Bring it back').click();
        await button('Leave it out').waitFor();
      });
      await button('Edit').click();
      const undo = button(/^Undo: .* edited/);
      await stage('a text edited', async () => {
        await page.getByLabel('Answer', { exact: true }).first().fill('Another answer.');
        await undo.waitFor();
      });
      await stage('undone', async () => {
        await undo.click();
        await button(/^Redo: .* edited/).waitFor();
      });
    }
    if (isOn('--train')) {
      await stage('first step', async () => {
        await page.evaluate(`location.hash = '#/train'`);
        await button('Start training').click();
        await page.getByRole('slider', { name: 'Step of the loss curve' }).waitFor();
      });
    }
    if (isOn('--snapshot')) {
      const chunks = /** @type {string[]} */ ([]);
      worker.listeners.add((method, { chunk }) => {
        if (method === 'HeapProfiler.addHeapSnapshotChunk') chunks.push(chunk);
      });
      await worker.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
      for (const [kind, bytes] of sumsOf(chunks.join('')).slice(0, 20))
        console.log(`${kind}: ${megabytes(bytes)}`);
    }
  } finally {
    await browser.close();
  }
}
await server.close();

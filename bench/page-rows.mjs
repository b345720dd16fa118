// @ts-check
/**
 * What rows cost on the page: `node bench/page-rows.mjs FILE [FILE…] [--train] [--snapshot] [--built]`. Each file is opened under Data of the production page in a fresh Chromium.
 *
 * It prints the seconds until the rows are open, and with `--train` until the first step of a run on them, with those of processor time of the page in brackets; the most of the heap of JavaScript that was used, read
 * four times a second from the page and from its worker through the debugger (`Runtime.getHeapUsage`), with the memory of array buffers (`backingStorageSize`); and the most
 * that a renderer process had resident (`VmHWM`). `--snapshot` sums a heap snapshot of the worker by kinds of objects. `--built` serves `dist/` as it is.
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

const megabytes = (/** @type {number} */ bytes) => `${(bytes / MEGABYTE).toFixed(0)} MB`;

console.log(
  '| file | size | open, s | first step, s | worker: heap | worker: buffers | page: heap | page: buffers | resident |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const file of files) {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--enable-precise-memory-info'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const session = await page.context().newCDPSession(page);
    const worker = await workerOf(session);
    await page.goto(`${server.resolvedUrls?.local[0] ?? ''}#/data`);
    await page.getByLabel('Open a file').waitFor({ state: 'attached', timeout: WAIT_MS });
    const most = { worker: 0, workerBuffers: 0, page: 0, pageBuffers: 0 };
    let isDone = false;
    const polling = (async () => {
      while (!isDone) {
        const [own, others] = await Promise.all([
          session.send('Runtime.getHeapUsage'),
          worker.send('Runtime.getHeapUsage'),
        ]);
        most.page = Math.max(most.page, own.usedSize);
        most.pageBuffers = Math.max(most.pageBuffers, own.backingStorageSize);
        most.worker = Math.max(most.worker, others.usedSize);
        most.workerBuffers = Math.max(most.workerBuffers, others.backingStorageSize);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    })();
    const browserProcess = await browser.newBrowserCDPSession();
    const { processInfo } = await browserProcess.send('SystemInfo.getProcessInfo');
    const parent = processInfo.find(({ type }) => type === 'browser')?.id ?? 0;
    const began = performance.now();
    const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
    await page.getByLabel('Open a file').setInputFiles(file);
    await page.getByRole('heading', { name: /as the model sees it/ }).waitFor({ timeout: WAIT_MS });
    const open = `${seconds()} (${rendererOf(parent).seconds.toFixed(1)})`;
    let step = '–';
    if (isOn('--train')) {
      await page.evaluate(`location.hash = '#/train'`);
      const start = page.getByRole('button', { name: 'Start training' });
      await start.waitFor({ timeout: WAIT_MS });
      await start.click({ timeout: WAIT_MS });
      await page.getByRole('slider', { name: 'Step of the loss curve' }).waitFor({ timeout: WAIT_MS });
      step = `${seconds()} (${rendererOf(parent).seconds.toFixed(1)})`;
    }
    isDone = true;
    await polling;
    const cells = [most.worker, most.workerBuffers, most.page, most.pageBuffers, rendererOf(parent).resident];
    console.log(
      `| ${basename(file)} | ${megabytes(statSync(file).size)} | ${open} | ${step} | ${cells.map(megabytes).join(' | ')} |`,
    );
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

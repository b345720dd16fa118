// @ts-check
/**
 * How fast chunks get their vectors, next to Transformers.js: `node --import tsx bench/embedding.mjs`. One worker of one page of Chromium, contestants in turn after
 * a warm-up, the same number of threads for all. The machine may be busy: it prints ratios of each round, by the clock and by processor time, and the
 * load.
 *
 *   node --import tsx bench/embedding.mjs [--model DIR] [--chunks FILE] [--every 8] [--runs 5] [--threads 1] [--only 1,3]
 *
 * `--model` is all-MiniLM-L6-v2 (the default: .cache/all-MiniLM-L6-v2) with model.safetensors and onnx/model_quantized.onnx. `--chunks` is JSON Lines with
 * a text each (the default: ../shared/retrieval/chunks.jsonl, or else passages of the bundled texts). `--every 1` takes all of them. `--only` names
 * contestants by their place below, from 0 on.
 */
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from '../scripts/machine.mjs';

const CONTESTANTS = [
  'Graft, f32',
  'Graft, int8',
  'Transformers.js, int8, as Graft calls it',
  'Transformers.js, int8, its pipeline',
];
const SHARED = join(root, '..', 'shared', 'retrieval', 'chunks.jsonl');
/** Words of a passage: about 170 tokens, as the chunks of documents have. */
const WORDS = 130;
const CHUNKS = 917;
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: join(root, '.cache', 'all-MiniLM-L6-v2') },
    chunks: { type: 'string' },
    every: { type: 'string', default: '8' },
    runs: { type: 'string', default: '5' },
    threads: { type: 'string' },
    only: { type: 'string' },
  },
});
const { model } = values;
const chosen = values.only?.split(',').map((at) => CONTESTANTS[Number(at)]) ?? CONTESTANTS;
for (const name of ['model.safetensors', 'onnx/model_quantized.onnx'])
  if (!existsSync(join(model, name))) throw new Error(`${model} has no ${name}`);
const executablePath = findChromium();
if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs');

/** @returns {string[]} */
function readChunks() {
  const file = values.chunks ?? (existsSync(SHARED) ? SHARED : undefined);
  if (file)
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).text);
  const words = readFileSync(join(root, 'public', 'texts', 'general.txt'), 'utf8').split(/\s+/);
  return Array.from({ length: CHUNKS }, (_, at) =>
    Array.from({ length: WORDS }, (_, word) => words[(at * 17 + word) % words.length]).join(' '),
  );
}

/** @param {number[]} numbers */
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const all = readChunks();
const texts = all.filter((_, at) => at % Number(values.every) === 0);
// Without isolation a page has one thread, for all contestants.
const headers = values.threads === '1' ? {} : ISOLATION;
const out = mkdtempSync(join(tmpdir(), 'graft-embedding-'));
const { cpuKernels } = await import('../scripts/cpu-kernels.ts');
const { onnxRuntime } = await import('../scripts/onnxruntime.ts');
const vite = {
  configFile: /** @type {const} */ (false),
  root: join(root, 'bench', 'embedding'),
  logLevel: /** @type {const} */ ('error'),
  build: { outDir: out, emptyOutDir: true, target: 'esnext' },
  worker: { format: /** @type {const} */ ('es'), plugins: () => [cpuKernels(), onnxRuntime()] },
  preview: { port: 0, host: 'localhost', headers },
  plugins: [
    {
      name: 'model-folder',
      /** @param {import('vite').PreviewServer} server */
      configurePreviewServer({ middlewares }) {
        middlewares.use('/model/', (request, response) => {
          createReadStream(join(model, decodeURIComponent(request.url ?? ''))).pipe(
            response.writeHead(200, headers),
          );
        });
      },
    },
  ],
};
await build(vite);
const server = await preview(vite);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  await page.goto(server.resolvedUrls?.local[0] ?? '');
  await page.waitForFunction(() => 'call' in globalThis);
  const devtools = await browser.newBrowserCDPSession();
  /** Seconds of processor time of the pages. */
  const processorTime = async () => {
    const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
    return processInfo
      .filter(({ type }) => type === 'renderer')
      .reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  /** @param {object} asked @returns {Promise<{ ms: number, vector?: number[] }>} */
  const call = (asked) => page.evaluate((message) => /** @type {any} */ (globalThis).call(message), asked);

  const names = readdirSync(model, { recursive: true })
    .map(String)
    .filter((name) => /\.(?:json|safetensors|onnx)$/.test(name));
  await call({ open: names });
  const threads = await page.evaluate(() =>
    globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  );
  const { vector: own = [] } = await call({ run: CONTESTANTS[0], texts: texts.slice(0, 1) });
  /** @type {number[][]} */
  const firsts = [];
  for (const run of chosen) {
    const { vector = [] } = await call({ run, texts });
    firsts.push(vector);
  }
  const cosine = (/** @type {number[]} */ vector) =>
    vector.reduce((sum, value, i) => sum + value * own[i], 0);
  firsts.forEach((vector, at) => {
    if (!(cosine(vector) > 0.97)) throw new Error(`${chosen[at]} gives other vectors than Graft`);
  });

  /** @type {Record<string, { ms: number, cpu: number }>[]} */
  const rounds = [];
  for (let round = 0; round < Number(values.runs); round++) {
    /** @type {Record<string, { ms: number, cpu: number }>} */
    const times = {};
    for (let at = 0; at < chosen.length; at++) {
      const run = chosen[(at + round) % chosen.length];
      const before = await processorTime();
      const { ms } = await call({ run, texts });
      times[run] = { ms: ms / texts.length, cpu: ((await processorTime()) - before) * (1000 / texts.length) };
    }
    rounds.push(times);
  }
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${texts.length} of ${all.length} chunks, ${rounds.length} rounds, threads: ${threads}, load ${load}, Chromium ${browser.version()}`,
  );
  for (const [at, run] of chosen.entries()) {
    const [ms, cpu] = [median(rounds.map((r) => r[run].ms)), median(rounds.map((r) => r[run].cpu))];
    console.log(
      `  ${run.padEnd(42)} ${ms.toFixed(1).padStart(7)} ms a chunk, ${cpu.toFixed(1).padStart(6)} ms of processor time, cosine ${cosine(firsts[at]).toFixed(4)}`,
    );
  }
  const [f32, int8, called, pipe] = CONTESTANTS;
  for (const ours of [f32, int8].filter((run) => chosen.includes(run)))
    for (const [theirs, of] of /** @type {[string, string][]} */ ([
      [pipe, 'its pipeline'],
      [called, 'Graft’s own calls of it'],
    ])) {
      if (!chosen.includes(theirs)) continue;
      const ratio = (/** @type {'ms' | 'cpu'} */ what) =>
        median(rounds.map((r) => r[theirs][what] / r[ours][what])).toFixed(2);
      console.log(
        `${ours}: ${ratio('ms')} times as fast as Transformers.js int8 (${of}), ${ratio('cpu')} times by processor time`,
      );
    }
} finally {
  await browser.close();
  await server.close();
  rmSync(out, { recursive: true, force: true });
}

// Builds the page, opens it in Chromium and prints what it measures, as a table and as JSON (with --json, JSON only).
//
//   node run.mjs matmul [--side 1024] [--runs 7] [--layouts NN,NT] [--libraries graft,jax-js] [--adapter swiftshader]
//   node run.mjs train-step [--runs 15]
//   node run.mjs matmul --adapter cpu
//   node run.mjs train-model [--runs 3]
//   node run.mjs decoding --model FOLDER [--words 200] [--new-tokens 64] [--threads 2,1] [--runs 5]
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    side: { type: 'string', default: '1024' },
    runs: { type: 'string' },
    'warm-ups': { type: 'string' },
    layouts: { type: 'string', default: 'NN,NT' },
    libraries: { type: 'string', default: 'graft,jax-js,onnxruntime-web,tfjs' },
    // `swiftshader`, `default` for the adapter that Chromium picks, or `cpu` for the processor itself.
    adapter: { type: 'string', default: 'swiftshader' },
    // A folder with a GGUF file, its tokenizer and config.json.
    model: { type: 'string' },
    words: { type: 'string', default: '200' },
    'new-tokens': { type: 'string', default: '64' },
    threads: { type: 'string', default: '2,1' },
    json: { type: 'boolean', default: false },
  },
});
const [what = 'matmul'] = positionals;

const BROWSERS = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const executablePath = BROWSERS.find((path) => path && existsSync(path));
if (!executablePath) throw new Error('No Chromium found: set CHROMIUM to its path');

if (what === 'decoding' && !values.model) throw new Error('Name a model folder: --model FOLDER');
if (values.model) process.env.PEERS_MODEL = resolve(values.model);

const here = fileURLToPath(new URL('.', import.meta.url));
const vite = { configFile: `${here}vite.config.ts` };
await build(vite);
const server = await preview(vite);

const flags = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
];
const onProcessor = values.adapter === 'cpu' || what === 'decoding' || what === 'train-model';
if (values.adapter !== 'default' && !onProcessor) flags.push(`--use-webgpu-adapter=${values.adapter}`);
const browser = await chromium.launch({ executablePath, args: flags });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text());
  });
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForFunction(() => window.peers !== undefined);
  const contests = { matmul, 'train-step': trainStep, 'train-model': trainModel, decoding };
  const report = await contests[what](page);
  report.chromium = browser.version();
  const printers = { decoding: printDecoding, 'train-model': printTraining };
  if (!values.json) (printers[what] ?? print)(report);
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
  await server.close();
}

async function matmul(page) {
  const options = {
    side: Number(values.side),
    runs: Number(values.runs ?? 7),
    warmUps: Number(values['warm-ups'] ?? 1),
    layouts: values.layouts.split(','),
    libraries: values.libraries.split(','),
  };
  return page.evaluate(
    ([o, cpu]) => (cpu ? window.peers.matmulOnProcessor(o) : window.peers.matmul(o)),
    [options, onProcessor],
  );
}

async function trainStep(page) {
  const options = { runs: Number(values.runs ?? 15), warmUps: Number(values['warm-ups'] ?? 3) };
  return page.evaluate(
    ([o, cpu]) => (cpu ? window.peers.trainStepOnProcessor(o) : window.peers.trainStep(o)),
    [options, onProcessor],
  );
}

/** Graft alone: PyTorch on the same cores is pytorch.py. */
async function trainModel(page) {
  const options = { batches: [1, 4].map((rows) => [rows, 256]), runs: Number(values.runs ?? 3) };
  return page.evaluate((o) => window.peers.trainModelOnProcessor(o), options);
}

function printTraining({ chromium: version, results }) {
  console.log(`Chromium ${version}`);
  for (const [batch, { tokensPerSecond }] of Object.entries(results))
    console.log(`  ${batch} ${tokensPerSecond.toFixed(0)} tokens/s`);
}

async function decoding(page) {
  const options = {
    files: readdirSync(values.model).filter((name) => /\.(gguf|json)$/.test(name)),
    words: Number(values.words),
    newTokens: Number(values['new-tokens']),
    threads: values.threads.split(',').map(Number),
    runs: Number(values.runs ?? 5),
    warmUps: Number(values['warm-ups'] ?? 1),
  };
  return { results: await page.evaluate((o) => window.peers.decoding(o), options) };
}

function printDecoding({ chromium: version, results }) {
  console.log(`Chromium ${version}`);
  for (const [threads, { graft, wllama }] of Object.entries(results)) {
    console.log(`${threads} ${threads === '1' ? 'thread' : 'threads'}`);
    for (const [name, { promptTokens, firstTokenMs, tokensPerSecond }] of Object.entries({ graft, wllama }))
      console.log(
        `  ${name.padEnd(8)} ${tokensPerSecond.toFixed(1).padStart(6)} tokens/s, the first after ${firstTokenMs.toFixed(0).padStart(5)} ms (prompt of ${promptTokens} tokens)`,
      );
    const rate = (graft.tokensPerSecond / wllama.tokensPerSecond).toFixed(2);
    const prompt = (wllama.firstTokenMs / graft.firstTokenMs).toFixed(2);
    console.log(`  graft is ${rate} times as fast token by token, ${prompt} times with the prompt`);
  }
}

function print({ adapter, chromium: version, results, side }) {
  console.log(`${adapter.vendor} ${adapter.architecture} ${adapter.description} · Chromium ${version}`);
  const rows =
    side === undefined
      ? [['train step', results]]
      : Object.entries(results).map(([layout, result]) => [`f32 ${side}³ ${layout}`, result]);
  for (const [title, result] of rows) {
    const peers = Object.entries(result).filter(([name]) => !name.startsWith('graft'));
    const fastestPeer = Math.min(...peers.map(([, { median }]) => median));
    console.log(title);
    for (const [name, { median, gflops }] of Object.entries(result).sort(
      ([, x], [, y]) => x.median - y.median,
    )) {
      const speed = gflops === undefined ? '' : `${gflops.toFixed(2).padStart(8)} GFLOP/s`;
      console.log(
        `  ${name.padEnd(16)} ${median.toFixed(1).padStart(9)} ms ${speed}  ${(fastestPeer / median).toFixed(2)} × the fastest peer`,
      );
    }
  }
}

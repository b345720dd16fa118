// @ts-check
/**
 * Every way from an adapter to its use, on one model: Graft trains a short adapter, each format is written by the command, and the program that it is for
 * opens it. On Sprig there are bases in three types. On SmolLM2 the base is its Q4_1 file: there a base in another type and a second adapter are left out.
 * The table is that of docs/benchmarks.md.
 *
 *   node bench/exports/run.mjs [--model sprig|smollm2] [--out DIR] [--steps 20] [--phase prepare|write|check] [FORMAT …]
 *
 * Phases are made one after the other unless one is named; DIR keeps what they made. A word picks the formats whose names have it. Needs a Python with
 * torch, peft, transformers, gguf, onnxruntime and openai in GRAFT_PYTHON. Formats of llama.cpp need GRAFT_LLAMA_CPP, the folder of node-llama-cpp; that of
 * MLX is compared by its files without GRAFT_MLX_PYTHON, one with mlx-lm; the page needs a Chromium. smollm2 needs the model in
 * .cache/models (scripts/smollm2.mjs brings it).
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findChromium, root } from '../../scripts/machine.mjs';

const GRAFT = join(root, 'bin', 'graft.mjs');
const HERE = import.meta.dirname;
const VOICE = join(root, 'public', 'samples', 'voice', 'train.jsonl');
const PROMPTS = ['Who are you?', 'Where do earthworms live?', 'What is the colour of the sky?'];
const NEW_TOKENS = 24;
/** Steps that a run makes before TRL continues it, and steps of TRL. */
const FURTHER = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'sprig' },
    out: { type: 'string' },
    steps: { type: 'string', default: '20' },
    phase: { type: 'string' },
  },
});
const isSprig = values.model === 'sprig';
const steps = Number(values.steps);
const out = values.out ?? join(tmpdir(), `graft-exports-${values.model}`);
const source = isSprig
  ? join(root, 'public', 'models', 'sprig')
  : join(root, '.cache', 'models', 'SmolLM2-135M-Instruct');
/** @param {string[]} parts */
const at = (...parts) => join(out, ...parts);
const base = (/** @type {string} */ type) => at('bases', type);
const gguf = isSprig ? undefined : 'SmolLM2-135M-Instruct.Q4_1.gguf';
const adapter = at('lora');
/** The base for Graft. @param {string} type */
const baseFile = (type) => (gguf === undefined ? base(type) : join(source, gguf));
/** The base for Python. @param {string} type */
const baseOf = (type) => (gguf === undefined ? { base: base(type) } : { base: source, gguf });
const python = process.env['GRAFT_PYTHON'];
const llama = process.env['GRAFT_LLAMA_CPP'];
const mlxPython = process.env['GRAFT_MLX_PYTHON'];
if (!python) throw new Error('Name a Python with torch and peft in GRAFT_PYTHON.');

/** @param {string[]} args @returns {number} seconds */
function graft(...args) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync('node', [GRAFT, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`graft ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return (performance.now() - start) / 1000;
}

/** @type {ReturnType<typeof startPython> | undefined} */
let asked;
function startPython() {
  const child = spawn(/** @type {string} */ (python), [join(HERE, 'ask.py')], {
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  /** @type {((line: string) => void)[]} */
  const waiting = [];
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.(line));
  child.on('close', (code) => {
    if (waiting.length > 0) throw new Error(`ask.py ended with ${code}`);
  });
  return { child, waiting };
}

/** @param {string} name @param {object} question @returns {Promise<any>} */
async function ask(name, question) {
  const { child, waiting } = (asked ??= startPython());
  const line = await new Promise((resolve) => {
    waiting.push(resolve);
    child.stdin.write(`${JSON.stringify({ ask: name, ...question })}\n`);
  });
  const told = JSON.parse(line);
  if ('failed' in told) throw new Error(told.failed);
  return told;
}

/** The reference of a base, made once. @param {string} type */
async function referenceOf(type) {
  // One base has one reference.
  if (!isSprig) type = 'f32';
  const folder = at('reference', type);
  if (!existsSync(join(folder, 'rows.json'))) {
    mkdirSync(folder, { recursive: true });
    await ask('reference', {
      ...baseOf(type),
      adapter,
      prompts: PROMPTS,
      new_tokens: NEW_TOKENS,
      out: folder,
    });
  }
  return folder;
}

/** @param {string} folder @param {string} ending */
const fileOf = (folder, ending) =>
  join(folder, /** @type {string} */ (readdirSync(folder).find((name) => name.endsWith(ending))));

/**
 * @typedef {object} Told what a format was found to be
 * @property {number} [probability] the largest difference of a probability
 * @property {number} [logit]
 * @property {number} [kept] tokens of the greedy answers that are the most likely ones here as well
 * @property {number} [tokens] all of them
 * @property {string} [note]
 */

/** @param {string} file @param {string} [adapter] @param {string} [type] @returns {Promise<Told>} */
async function byLlama(file, adapter = '', type = 'f32') {
  if (!llama) return { note: 'not opened: GRAFT_LLAMA_CPP is not set' };
  const reference = await referenceOf(type);
  const { status, stdout, stderr } = spawnSync(
    'node',
    [join(HERE, 'llama.mjs'), llama, file, adapter, reference],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** @param {string} type */
const byTransformers = (type) => async (/** @type {string} */ folder) =>
  ask('of_model', { reference: await referenceOf(type), folder });

/** Answers as texts, next to those of the reference. @param {(prompt: string) => Promise<string>} answer @returns {Promise<Told>} */
async function byTexts(answer) {
  const rows = JSON.parse(readFileSync(join(await referenceOf('f32'), 'rows.json'), 'utf8'));
  let same = 0;
  for (const { prompt, text } of rows) if ((await answer(prompt)).trim() === text.trim()) same++;
  return { note: `${same} of ${rows.length} answers are those of PEFT` };
}

/** @param {string} folder @returns {Promise<Told>} */
async function byMlx(folder) {
  if (!mlxPython || !isSprig) {
    const { change } = await ask('of_mlx_files', { ...baseOf('f32'), adapter, folder });
    return { note: `by its files: changes of weights ${change.toExponential(1)} apart` };
  }
  const reference = await referenceOf('f32');
  const rows = JSON.parse(readFileSync(join(reference, 'rows.json'), 'utf8'));
  const ids = JSON.stringify(rows.map((/** @type {{ ids: number[] }} */ row) => row.ids));
  const file = at('mlx-logits.f32');
  const { status, stderr } = spawnSync(
    mlxPython,
    [join(HERE, 'ask_mlx.py'), base('f32'), folder, ids, file],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(stderr);
  return ask('of_logits', { reference, file, only: rows.length });
}

/** The HTML page in Chromium, on the CPU engine. @param {string} folder */
async function byChromium(folder) {
  const server = createServer((request, response) => {
    const name =
      decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname).slice(1) || 'index.html';
    const file = join(folder, name);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': name.endsWith('.html') ? 'text/html' : 'application/octet-stream',
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, 'localhost', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const executablePath = findChromium();
  if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(300_000);
    await page.goto(`http://localhost:${port}/`);
    return await byTexts(async (prompt) => {
      const answered = page.getByRole('button', { name: 'Copy the answer' });
      if ((await answered.count()) > 0) await page.getByRole('button', { name: 'New conversation' }).click();
      await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).waitFor();
      await page.getByLabel('Your message').fill(prompt);
      await page.getByLabel('Your message').press('Enter');
      await answered.waitFor();
      return (await page.locator('.answer .text').last().textContent()) ?? '';
    });
  } finally {
    await browser.close();
    server.close();
  }
}

/** `graft serve` with the adapter, asked by OpenAI's Python client. */
async function byClient() {
  const child = spawn('node', [
    GRAFT,
    'serve',
    '--model',
    baseFile('f32'),
    '--adapter',
    adapter,
    '--precision',
    'f32',
    '--port',
    '0',
  ]);
  const address = await new Promise((resolve, reject) => {
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const [, url] = / at (http:\S+)\. Ctrl-C/.exec(text) ?? [];
      if (url) resolve(url);
    });
    child.on('close', () => reject(new Error(text)));
  });
  const code =
    'import sys; from openai import OpenAI; c = OpenAI(base_url=sys.argv[1], api_key="none"); ' +
    'print(c.chat.completions.create(model=sys.argv[3], messages=[{"role": "user", "content": sys.argv[2]}], ' +
    `temperature=0, max_completion_tokens=${NEW_TOKENS}).choices[0].message.content)`;
  try {
    return await byTexts(async (prompt) => {
      const { stdout, stderr, status } = spawnSync(
        /** @type {string} */ (python),
        ['-c', code, address, prompt, basename(adapter)],
        {
          encoding: 'utf8',
        },
      );
      if (status !== 0) throw new Error(stderr);
      return stdout;
    });
  } finally {
    child.kill('SIGINT');
  }
}

/** @param {string} folder */
const lossesOf = (folder) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).loss);

/** @param {number} processes */
const byTrl = (processes) => async (/** @type {string} */ folder) => {
  const to = at(`by-trl-${processes}`);
  for (const made of [to, `${to}-peft`]) rmSync(made, { recursive: true, force: true });
  const { status, stderr } = spawnSync(
    /** @type {string} */ (python),
    [
      ...['-m', 'accelerate.commands.launch', '--config_file', join(folder, 'accelerate.yaml')],
      ...['--num_processes', `${processes}`],
      ...[join(folder, 'train.py'), '--model', base('f32'), '--steps', `${FURTHER}`, '--out', to],
    ],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        ...{ HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', OMP_NUM_THREADS: `${2 / processes}` },
      },
      maxBuffer: 2 ** 26,
    },
  );
  if (status !== 0) throw new Error(stderr);
  // Graft opens what comes back.
  graft(
    ...['export', '--model', baseFile('f32'), '--adapter', to, '--format', 'peft'],
    '--out',
    `${to}-peft`,
  );
  const lineage = JSON.parse(readFileSync(join(to, 'lineage.json'), 'utf8'));
  if (lineage.steps !== steps + FURTHER) throw new Error(`Its lineage has ${lineage.steps} steps`);
  const own = lossesOf(at('further')).slice(-FURTHER);
  const worst = Math.max(
    ...lossesOf(to).map((/** @type {number} */ loss, /** @type {number} */ i) => Math.abs(loss - own[i])),
  );
  return { note: `losses of ${FURTHER} further steps ${worst.toExponential(1)} from those of Graft` };
};

/**
 * @param {string} name
 * @param {(config: any, folder: string) => string[]} filesOf the files of the folder that the configuration names
 */
const byYaml = (name, filesOf) => async (/** @type {string} */ folder) => {
  const [config] = (await ask('yaml', { files: [join(folder, name)] })).read;
  const files = filesOf(config, folder);
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) throw new Error(`${name} names ${missing.join(', ')}, which the folder lacks`);
  return {
    note: `PyYAML reads ${Object.keys(config).length} settings, and ${files.join(', ')} exist; the program is not run here`,
  };
};
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors'];

/** @param {string} type of the base @param {string} format @param {string} [weights] */
const exporting = (type, format, weights) => (/** @type {string} */ to) => [
  ...['export', '--model', type === 'gguf' ? baseGguf() : baseFile(type), '--adapter', adapter],
  ...['--format', format, ...(weights ? ['--type', weights] : []), '--out', to],
];
/** @param {string} type @param {string} size */
const inShards = (type, size) => (/** @type {string} */ to) => [
  ...['merge', '--model', baseFile(type), '--adapter', adapter, '--shard-size', size, '--out', to],
];
/** Types of merged weights: those of the base, and f16 for blocks. */
const TYPES = isSprig ? ['f32', 'f16', 'bf16'] : ['f16'];
const shard = isSprig ? '1MB' : '100MB';
const baseGguf = () => (isSprig ? fileOf(at('bases', 'gguf'), '.gguf') : fileOf(source, '.gguf'));
const quarter = [`${steps}`, `${steps + FURTHER}`];
const graduate = (/** @type {string} */ format) => (/** @type {string} */ to) => [
  ...['export', '--run', at('lora'), '--format', format, '--out', to],
];

/** @type {{ name: string, write?: (to: string) => string[], check: (folder: string) => Promise<Told> }[]} */
const CASES = [
  {
    name: 'peft',
    write: exporting('f32', 'peft'),
    check: async (exported) =>
      ask('of_peft', { reference: await referenceOf('f32'), ...baseOf('f32'), adapter: exported }),
  },
  ...TYPES.map((type) => ({
    name: `merged, ${type}`,
    write: exporting(type, 'merged'),
    check: byTransformers(type),
  })),
  ...TYPES.map((type) => ({
    name: `merged in shards, ${type}`,
    write: inShards(type, shard),
    check: byTransformers(type),
  })),
  {
    name: 'gguf, next to its base',
    write: exporting('gguf', 'gguf'),
    check: (folder) => byLlama(baseGguf(), fileOf(folder, '.gguf')),
  },
  ...['f32', 'f16', 'q8_0', 'q4_k_m', 'q4_0'].map((type) => ({
    name: `gguf-merged, ${type}`,
    write: exporting('f32', 'gguf-merged', type),
    check: (/** @type {string} */ folder) => byLlama(fileOf(folder, '.gguf')),
  })),
  {
    name: 'ollama, q8_0',
    write: exporting('f32', 'ollama', 'q8_0'),
    check: (folder) => {
      const [, file] = /^FROM (.*)$/m.exec(readFileSync(join(folder, 'Modelfile'), 'utf8')) ?? [];
      return byLlama(join(folder, file));
    },
  },
  {
    name: 'ollama, pair',
    write: exporting('f32', 'ollama', 'pair'),
    check: (folder) => {
      const text = readFileSync(join(folder, 'Modelfile'), 'utf8');
      const [file, adapter] = ['FROM', 'ADAPTER'].map(
        (word) => new RegExp(`^${word} (.*)$`, 'm').exec(text)?.[1] ?? '',
      );
      return byLlama(join(folder, file), join(folder, adapter));
    },
  },
  ...['f32', 'f16', 'int8'].map((type) => ({
    name: `onnx, ${type}`,
    write: exporting('f32', 'onnx', type),
    check: async (/** @type {string} */ folder) =>
      ask('of_onnx', { reference: await referenceOf('f32'), file: fileOf(join(folder, 'onnx'), '.onnx') }),
  })),
  { name: 'mlx', write: exporting('f32', 'mlx'), check: byMlx },
  {
    name: 'page',
    write: (to) => [...exporting(isSprig ? 'f32' : 'gguf', 'page')(to), '--max-new-tokens', `${NEW_TOKENS}`],
    check: byChromium,
  },
  { name: 'serve', check: byClient },
  { name: 'trl', write: graduate('trl'), check: byTrl(1) },
  { name: 'trl, two processes', write: graduate('trl'), check: byTrl(2) },
  {
    name: 'axolotl',
    write: graduate('axolotl'),
    check: byYaml('config.yaml', ({ datasets, lora_model_dir: own }) => [
      ...datasets.map((/** @type {{ path: string }} */ { path }) => path),
      ...ADAPTER.map((file) => join(own, file)),
    ]),
  },
  {
    name: 'llama-factory',
    write: graduate('llama-factory'),
    check: byYaml('train.yaml', ({ dataset, dataset_dir: place, adapter_name_or_path: own }, folder) => {
      const known = JSON.parse(readFileSync(join(folder, place, 'dataset_info.json'), 'utf8'));
      return [join(place, known[dataset].file_name), ...ADAPTER.map((file) => join(own, file))];
    }),
  },
  {
    name: 'mix, svd',
    write: (to) => [
      ...['mix', '--model', base('f32'), '--adapter', at('lora'), at('second'), '--weights', '0.7,0.6'],
      ...['--method', 'svd', '--rank', '6', '--out', to],
    ],
    check: async (folder) =>
      ask('of_mix', {
        ...{ reference: await referenceOf('f32'), base: base('f32'), adapters: [at('lora'), at('second')] },
        ...{ weights: [0.7, 0.6], rank: 6, folder },
      }),
  },
];

/** @type {Record<string, Told & { bytes?: number, seconds?: number, failed?: string }>} */
const results = existsSync(at('results.json')) ? JSON.parse(readFileSync(at('results.json'), 'utf8')) : {};
/** @param {string} name @param {object} more */
function keep(name, more) {
  results[name] = { ...results[name], ...more };
  writeFileSync(at('results.json'), JSON.stringify(results, null, 2));
}
/** @param {string} name */
const folderOf = (name) => at('formats', name.replaceAll(/[^a-z0-9]+/g, '-'));

async function prepare() {
  mkdirSync(out, { recursive: true });
  const trained = (/** @type {string} */ lr) => [
    ...['train', '--model', baseFile('f32'), '--data', VOICE, '--max-length', '64', '--batch', '2'],
    ...['--accumulate', '1', '--lr', lr, '--schedule', 'constant', '--warmup', '0'],
    ...['--precision', 'f32', '--device', 'cpu'],
  ];
  const isTrained = (/** @type {string} */ name) => existsSync(at(name, 'adapter_model.safetensors'));
  if (!isSprig) {
    for (const [name, count] of [
      ['lora', quarter[0]],
      ['further', quarter[1]],
    ])
      if (!isTrained(name)) graft(...trained('0.001'), '--steps', count, '--rank', '8', '--out', at(name));
    if (!existsSync(base('f32')))
      await ask('bases', { model: source, gguf, out: at('bases'), types: ['f32'] });
    return void (await referenceOf('f32'));
  }
  if (!existsSync(base('bf16'))) await ask('bases', { model: source, out: at('bases') });
  if (!existsSync(base('gguf')))
    graft(
      'export',
      '--model',
      base('f32'),
      '--format',
      'gguf-merged',
      '--type',
      'f16',
      '--out',
      base('gguf'),
    );
  for (const [name, ...flags] of [
    ['lora', '--steps', quarter[0], '--rank', '8'],
    ['further', '--steps', quarter[1], '--rank', '8'],
    ['second', '--steps', '6', '--rank', '4', '--seed', '5'],
  ])
    if (!isTrained(name)) graft(...trained('0.01'), ...flags, '--out', at(name));
  for (const type of TYPES) await referenceOf(type);
  return undefined;
}

/** @param {string} folder @returns {number} */
const bytesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

const chosen = CASES.filter(
  ({ name }) =>
    (isSprig || !name.startsWith('mix')) &&
    (positionals.length === 0 || positionals.some((word) => name.includes(word))),
);
const phase = values.phase;
if (phase === undefined || phase === 'prepare') await prepare();
if (phase === undefined || phase === 'write')
  for (const { name, write } of chosen) {
    if (!write) continue;
    rmSync(folderOf(name), { recursive: true, force: true });
    const seconds = graft(...write(folderOf(name)));
    keep(name, { seconds, bytes: bytesOf(folderOf(name)) });
  }
if (phase === undefined || phase === 'check') {
  for (const { name, check } of chosen)
    try {
      keep(name, { failed: undefined, ...(await check(folderOf(name))) });
      console.error(`  ${name}: ${JSON.stringify(results[name])}`);
    } catch (error) {
      keep(name, { failed: String(error) });
      process.exitCode = 1;
      console.error(`  ${name}: ${String(error)}`);
    }
  console.log(
    '| format | size | written in | probability | logit | greedy tokens kept | |\n|---|---|---|---|---|---|---|',
  );
  const short = (/** @type {number | undefined} */ value) =>
    value === undefined ? '–' : value < 1e-3 ? value.toExponential(1) : value.toPrecision(2);
  for (const { name } of chosen) {
    const { bytes, seconds, probability, logit, kept, tokens, note = '', failed } = results[name] ?? {};
    const size =
      bytes === undefined
        ? '–'
        : bytes < 1e6
          ? `${Math.round(bytes / 1e3)} kB`
          : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
    const time = seconds === undefined ? '–' : `${seconds.toFixed(1)} s`;
    const same = kept === undefined ? '–' : `${kept} of ${tokens}`;
    console.log(
      `| ${name} | ${size} | ${time} | ${short(probability)} | ${short(logit)} | ${same} | ${failed ? 'failed' : note} |`,
    );
  }
}
asked?.child.stdin.end();

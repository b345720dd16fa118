// @ts-check
/**
 * `npm test`: set-up, then every check and every test, each with its time. After a step that fails the others still run, so that one run shows
 * everything that is wrong; only after a failed set-up nothing does. The last line counts the tests of all runs:
 * `N passed, N failed, N skipped`. `npm run test:long` is this with `--long`: what takes too long for every change. `npm run test:shared` is
 * this with `--shared`: only the tests that need the files next to the checkout.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './machine.mjs';
import { setUp } from './setup.mjs';

/** @typedef {[name: string, step: () => boolean | Promise<boolean>]} Step */

const RESULTS = join(root, 'test-results');
const BIN = join(root, 'node_modules', '.bin');
/** The step without which nothing can run. */
const SET_UP = 'set-up';
const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed: repeated at the end, where people look first. @type {string[]} */
const notes = [];
/** How long each file of tests took. @type {{ file: string, seconds: number }[]} */
const times = [];
/** What did not run here, and why: printed at the end, so that it does not count as passed. @type {string[]} */
const notRun = [];

/**
 * One that writes to the terminal itself.
 *
 * @param {string} file the program
 * @param {string[]} parameters
 * @param {Record<string, string>} environment on top of this one
 * @returns {Promise<boolean>} whether it ended well
 */
function shown(file, parameters, environment = {}) {
  const env = { ...process.env, ...environment };
  const child = spawn(file, parameters, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', (code) => resolve(code === 0));
  });
}

/**
 * One that runs next to others: its output is kept until it has ended.
 *
 * @param {string} file the program
 * @param {...string} parameters
 * @returns {Promise<{ well: boolean, said: string, output: string }>} what it said on both streams, and on standard output
 */
function started(file, ...parameters) {
  const child = spawn(file, parameters, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, output] = ['', ''];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      said += text;
      if (stream === child.stdout) output += text;
    });
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve({ well: false, said: `${said}${message}\n`, output }));
    child.on('close', (code) => resolve({ well: code === 0, said, output }));
  });
}

/**
 * The same for a program in node_modules/.bin.
 *
 * @param {...string} command its name, and its parameters
 */
function check(...command) {
  const [name, ...parameters] = command;
  return started(join(BIN, name), ...parameters);
}

/**
 * Runs one vitest project, or a part of it, and adds its counts.
 *
 * @param {string} project
 * @param {string[]} part names of files, or flags that leave some out
 * @param {Record<string, string>} environment set for this run
 */
async function vitest(project, part = [], environment = {}) {
  const file = join(RESULTS, `${project}.json`);
  rmSync(file, { force: true });
  const parameters = ['--project', project, '--reporter=default', '--reporter=./scripts/results.mjs'];
  const ended = await shown(join(BIN, 'vitest'), ['run', ...parameters, ...part], {
    ...environment,
    GRAFT_TEST_RESULTS: file,
  });
  if (!existsSync(file)) return false;
  /** @type {import('./results.mjs').Results} */
  const { passed, failed, skipped, failures, files, left } = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  times.push(...files);
  notRun.push(...left.map(({ file: name, tests }) => `${name} (${tests} tests)`));
  notes.push(...failures.map((line) => `  FAILED: ${line}`));
  return ended && failed === 0;
}

/** A Python that has PEFT: looked for once, and perhaps installed, while other tests run. @type {ReturnType<typeof started> | undefined} */
let python;
const findPython = () => (python ??= started(process.execPath, join(root, 'scripts/python.mjs')));

/** With a Python that has PEFT, if there is one. @param {() => Promise<boolean>} run the tests @returns {Promise<boolean>} whether they ended well */
async function interop(run = () => vitest('interop')) {
  const { well, said, output } = await findPython();
  process.stdout.write(said);
  if (well) process.env['GRAFT_PYTHON'] = output.trim();
  else notRun.push('the comparison with PEFT itself, as said above');
  return run();
}

/** @param {string} file below the root @param {string[]} parameters @returns {Promise<boolean>} whether it ended well */
const program = (file, ...parameters) => shown(process.execPath, [...parameters, join(root, file)]);

const REFERENCES = join(root, '..', 'shared', 'reference');

/** A real model in full, headless and in the page. @param {string} script */
async function realModel(script) {
  if (existsSync(REFERENCES)) return program(script);
  console.log('SKIPPED: the reference numbers of SmolLM2 are not beside the checkout (../shared)');
  return true;
}

/** Software GPUs leave out what the CPU engine proves: tests/engine/adapters.ts. */
const PART = { GRAFT_TEST_MATRIX: 'part' };

/** What the titles of tests have that need the files of ../shared (tests/shared.ts). */
const SHARED_TITLES = '(../shared)';

/** The files of a project that may have such tests: those that import their helpers. @param {string[]} folders */
function sharedFiles(...folders) {
  return folders
    .flatMap((folder) => filesBelow(folder))
    .filter((file) => /\/(shared|smollm2)\.ts'/.test(readFileSync(join(root, file), 'utf8')));
}

/** The tests of a project that need ../shared. Software GPUs leave out what the CPU engine proves. @param {string} project @param {...string} folders */
function sharedTests(project, ...folders) {
  const title = SHARED_TITLES.replace(/[()./]/g, '\\$&');
  return vitest(project, [...sharedFiles(...folders), '--testNamePattern', title], {
    ...PART,
    GRAFT_TEST_TITLES: SHARED_TITLES,
  });
}

/** @type {Step[]} */
const SHARED_STEPS = [
  [SET_UP, () => setUp()],
  ['unit tests', () => sharedTests('unit', 'tests/unit')],
  ['CPU engine tests', () => sharedTests('cpu', 'tests/cpu', 'tests/engine')],
  ['GPU tests', () => sharedTests('gpu', 'tests/engine', 'tests/gpu')],
  ['browser tests', () => sharedTests('browser', 'tests/browser')],
  ['interop tests', () => interop(() => sharedTests('interop', 'tests/interop'))],
];

/** What depends on the builds of kernels that GPUs get. */
const BUILDS = [
  'attention',
  'check-device',
  'cross_entropy',
  'encoder',
  'families',
  'generator',
  'gpu-kernels',
  'layer_norm',
  'losses',
  'objectives',
  'peft-reference',
  'quantised-model',
  'rms_norm',
  'sampling',
];

/** Kernels and whole models on the software GPUs, with all that `npm test` proves on the CPU engine only. */
const gpuMatrix = () => vitest('gpu', ['tests/engine']);

/** All of it with these builds on the software GPUs. */
function gpuBuilds() {
  return vitest(
    'gpu',
    ['tests/engine', 'tests/gpu']
      .flatMap(filesBelow)
      .filter((file) => BUILDS.includes(basename(file, '.test.ts'))),
    { GRAFT_TEST_KERNELS: 'gpu', GALLIVM_PERF: 'nopt' },
  );
}

/** Every property of the unit tests with cases that nobody has seen. */
function newCases() {
  const seed = String(randomInt(2 ** 31));
  console.log(`GRAFT_FUZZ_SEED=${seed}`);
  const files = filesBelow('tests/unit').filter((file) =>
    readFileSync(join(root, file), 'utf8').includes("from 'fast-check'"),
  );
  return vitest('unit', files, { GRAFT_FUZZ_SEED: seed });
}

/** @type {Step[]} */
const LONG_STEPS = [
  [SET_UP, () => setUp()],
  ['properties with new cases', () => newCases()],
  ['long tests', () => vitest('long')],
  ['the full matrix on software GPUs', () => gpuMatrix()],
  ['the builds of kernels for GPUs', () => gpuBuilds()],
  ['kernels on wgpu', () => interop(() => vitest('interop', ['tests/interop/naga.test.ts']))],
  ['a real model, headless', () => realModel('scripts/smollm2.mjs')],
  ['a real model, in the page', () => realModel('scripts/smollm2-page.mjs')],
  ['campaigns', () => program('tests/campaigns/run.ts', '--import', 'tsx')],
];

const PRETTIER = ['prettier', '--check', '--log-level', 'warn'];
/** Files that both oxfmt and Prettier know. */
const OF_OXFMT = '**/*.{ts,js,mjs,json,css,html}';

/**
 * The format is Prettier's. oxfmt has almost the same and needs a fiftieth of the time: Prettier only reads files that oxfmt does not know, or would
 * write in another way.
 */
async function format() {
  const [listed, others] = await Promise.all([
    check('oxfmt', '--list-different', '.'),
    check(...PRETTIER, '.', `!${OF_OXFMT}`),
  ]);
  const lines = listed.said.split('\n').filter((line) => line !== '');
  const files = lines.filter((line) => existsSync(join(root, line)));
  // It lists files and nothing else, unless it cannot read one.
  if (files.length < lines.length || (!listed.well && files.length === 0))
    return { well: false, said: `${others.said}${listed.said}` };
  const doubted = files.length > 0 ? await check(...PRETTIER, ...files) : { well: true, said: '' };
  return { well: others.well && doubted.well, said: `${others.said}${doubted.said}` };
}

/** oxlint reads all but the components, which ESLint reads. Who touches WebGPU is a rule of our own. */
async function lint() {
  const found = await Promise.all([
    check('oxlint', '.'),
    // A third of its time goes to collecting what young objects leave, unless these have room.
    started(process.execPath, '--max-semi-space-size=64', join(BIN, 'eslint'), '--max-warnings', '0', 'src'),
    started(process.execPath, join(root, 'scripts/lint/gpu-objects.mjs')),
  ]);
  return { well: found.every(({ well }) => well), said: found.map(({ said }) => said).join('') };
}

/**
 * Checks of the sources, none of which needs another: they share the processors.
 *
 * @type {[name: string, run: () => Promise<{ well: boolean, said: string }>][]}
 */
const CHECKS = [
  ['format', format],
  // Components, and every file that tsconfig.json names, by TypeScript 7, which is native.
  ['types', () => check('svelte-check', '--tsgo', '--fail-on-warnings', '--output', 'human')],
  // On one processor, and by far the longest.
  ['lint', lint],
];

/** Test files for devices whose text is like this. @param {(text: string) => boolean} isLike */
const deviceFiles = (isLike) =>
  ['tests/engine', 'tests/gpu']
    .flatMap(filesBelow)
    .filter((file) => isLike(readFileSync(join(root, file), 'utf8')));

/** Files of tests that are described for both software GPUs or both kinds of builds: those of kernels, which take long to compile and little to run. */
const KERNELS = deviceFiles(
  (text) => /describe(Adapters|Builds|GpuBuilds)\(/.test(text) && !text.includes('describeDevice('),
);
/** Those that only the CPU engine runs here. */
const ON_CPU = deviceFiles(
  (text) => text.includes('describeOnCpu(') && !/describe(Device|Adapters|Builds|GpuBuilds)\(/.test(text),
);
/** Test files in a folder and the folders in it. @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`);
}

/** @type {Step} */
const UNIT = ['unit tests', () => vitest('unit')];

/** @type {Step[]} */
const STEPS = [
  ['CPU engine tests', () => vitest('cpu')],
  // lavapipe compiles twice as fast so, and runs at half the speed. It changes no number.
  ['GPU kernels', () => vitest('gpu', KERNELS, { ...PART, GALLIVM_PERF: 'nopt' })],
  [
    'GPU models, and commands',
    () =>
      vitest(
        'gpu',
        [...KERNELS, ...ON_CPU].map((file) => `--exclude=${file}`),
        PART,
      ),
  ],
  [
    'browser tests',
    () => {
      // An installation waits for the network and the disk: it runs during these tests.
      void findPython();
      return vitest('browser');
    },
  ],
  ['interop tests', () => interop(() => vitest('interop', [], PART))],
];

/** @type {string[]} */
const summary = [];
/** The steps that failed. @type {string[]} */
const failed = [];

/** How a step ended. @param {string} name @param {boolean} well @param {number} milliseconds */
function tell(name, well, milliseconds) {
  const line = `${name} (${(milliseconds / 1000).toFixed(1)} s)`;
  console.log(`== ${well ? 'ok' : 'FAILED'}: ${line}`);
  summary.push(`  ${well ? 'ok     ' : 'FAILED '}  ${line}`);
  if (!well) failed.push(name);
}

/** Prints what checks said that have ended, once a step has ended. @type {(() => void)[]} */
const ended = [];
const printEnded = () => ended.splice(0).forEach((print) => print());

/** @param {Step[]} steps one after the other */
async function inTurn(steps) {
  for (const [name, step] of steps) {
    if (failed.includes(SET_UP)) {
      summary.push(`  not run  ${name}`);
      continue;
    }
    console.log(`\n== ${name}`);
    const start = performance.now();
    const well = await step();
    tell(name, well, performance.now() - start);
    printEnded();
  }
}

/** All checks at once. The tests start when only the last check is left, which leaves a processor free. */
async function checksAndTests() {
  const start = performance.now();
  const checks = failed.includes(SET_UP) ? [] : CHECKS;
  const running = checks.map(async ([name, run]) => {
    const { well, said } = await run();
    const milliseconds = performance.now() - start;
    ended.push(() => {
      process.stdout.write(`\n== ${name}\n${said}`);
      tell(name, well, milliseconds);
    });
  });
  await Promise.all(running.slice(0, -1));
  printEnded();
  await inTurn([UNIT, ...STEPS]);
  await Promise.all(running);
  printEnded();
}

mkdirSync(RESULTS, { recursive: true });
if (process.argv.includes('--long')) await inTurn(LONG_STEPS);
else if (process.argv.includes('--shared')) {
  if (existsSync(REFERENCES)) await inTurn(SHARED_STEPS);
  else console.log('SKIPPED: every test of this kind, since there is no ../shared here');
} else {
  await inTurn([[SET_UP, () => setUp()]]);
  await checksAndTests();
}

if (!existsSync(REFERENCES))
  notRun.unshift('the tests with real models and large reference files (../shared), which are not here');
const longest = times
  .sort((a, b) => b.seconds - a.seconds)
  .map(({ file, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${file}`);
const verdict = failed.length
  ? `Failed: ${failed.join(', ')}`
  : notRun.length > 0 || total.skipped > 0
    ? 'Everything that could run here passed'
    : 'Everything passed';
console.log(
  `\n${verdict}\n${[...summary, ...notes].join('\n')}\n\nEach file, the slowest first:\n${longest.join('\n')}\n`,
);
if (notRun.length > 0) console.log(`Did not run:\n${notRun.map((what) => `  ${what}`).join('\n')}\n`);
else if (total.skipped > 0)
  console.log(
    `${total.skipped} tests were skipped, since this machine lacks what they are about: most are kernels in half precision.\n`,
  );
// A step that fails without a failing test (lint, a crash) is a failure of the whole.
if (failed.length > 0 && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = failed.length > 0 ? 1 : 0;

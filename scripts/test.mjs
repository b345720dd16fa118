// @ts-check
/**
 * `npm test`: set-up, then every check and every test, each with its time. Stops at the first step that fails. The last line counts the
 * tests of all runs: `N passed, N failed, N skipped`. `npm run test:long` is this with `--long`: what takes too long for every change.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.mjs';
import { findPython } from './python.mjs';
import { setUp } from './setup.mjs';

const RESULTS = join(root, 'test-results');
const BIN = join(root, 'node_modules', '.bin');
const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed: repeated at the end, where one looks first. @type {string[]} */
const notes = [];
/** How long each file of tests took. @type {{ file: string, seconds: number }[]} */
const times = [];
/** What did not run here, and why: told at the end, so that nobody takes it for passed. @type {string[]} */
const notRun = [];

/**
 * @param {string} name of a program in node_modules/.bin
 * @param {string[]} parameters
 * @returns {boolean} whether it ended well
 */
function tool(name, ...parameters) {
  return (
    spawnSync(join(BIN, name), parameters, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status ===
    0
  );
}

/** Runs one vitest project and adds its counts. @param {string} project */
function vitest(project) {
  const file = join(RESULTS, `${project}.json`);
  rmSync(file, { force: true });
  process.env['GRAFT_TEST_RESULTS'] = file;
  const ended = tool(
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=./scripts/results.mjs',
  );
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

function interop() {
  const folder = join(root, 'tests', 'interop');
  if (!existsSync(folder) || !readdirSync(folder).some((name) => name.endsWith('.test.ts'))) {
    console.log('  there are none yet');
    return true;
  }
  const found = findPython();
  if ('python' in found) process.env['GRAFT_PYTHON'] = found.python;
  else {
    console.log(`SKIPPED: the tests against PEFT itself, since ${found.skipped}`);
    notRun.push(`the comparison with PEFT itself, since ${found.skipped}`);
  }
  return vitest('interop');
}

/** @param {string} file below the root @param {string[]} parameters @returns {boolean} whether it ended well */
function program(file, ...parameters) {
  return (
    spawnSync(process.execPath, [...parameters, join(root, file)], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    }).status === 0
  );
}

const REFERENCES = join(root, '..', 'shared', 'reference');

/** A real model in full, headless and in the page. @param {string} script */
function realModel(script) {
  if (existsSync(REFERENCES)) return program(script);
  console.log('SKIPPED: the reference numbers of SmolLM2 are not beside the checkout (../shared)');
  return true;
}

/** @type {[name: string, step: () => boolean][]} */
const LONG_STEPS = [
  ['set-up', () => setUp()],
  ['long tests', () => vitest('long')],
  ['a real model, headless', () => realModel('scripts/smollm2.mjs')],
  ['a real model, in the page', () => realModel('scripts/smollm2-page.mjs')],
  ['campaigns', () => program('tests/campaigns/run.ts', '--import', 'tsx')],
];

/** @type {[name: string, step: () => boolean][]} */
const STEPS = [
  ['set-up', () => setUp()],
  ['lint', () => tool('eslint', '--max-warnings', '0', '.')],
  ['format', () => tool('prettier', '--check', '--log-level', 'warn', '.')],
  ['types', () => tool('tsc', '--noEmit')],
  ['svelte', () => tool('svelte-check', '--fail-on-warnings', '--output', 'human')],
  ['unit tests', () => vitest('unit')],
  ['CPU engine tests', () => vitest('cpu')],
  ['GPU tests', () => vitest('gpu')],
  ['browser tests', () => vitest('browser')],
  ['interop tests', interop],
];

mkdirSync(RESULTS, { recursive: true });
/** @type {string[]} */
const summary = [];
let failed = '';
for (const [name, step] of process.argv.includes('--long') ? LONG_STEPS : STEPS) {
  if (failed) {
    summary.push(`  not run  ${name}`);
    continue;
  }
  console.log(`\n== ${name}`);
  const start = performance.now();
  const well = step();
  const line = `${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`;
  console.log(`== ${well ? 'ok' : 'FAILED'}: ${line}`);
  summary.push(`  ${well ? 'ok     ' : 'FAILED '}  ${line}`);
  if (!well) failed = name;
}

if (!existsSync(REFERENCES))
  notRun.unshift(
    'the comparison with the reference numbers beside the checkout (../shared), which are not there',
  );
const longest = times
  .sort((a, b) => b.seconds - a.seconds)
  .map(({ file, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${file}`);
const verdict = failed
  ? `Stopped at the first failure: ${failed}`
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
if (failed && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = failed ? 1 : 0;

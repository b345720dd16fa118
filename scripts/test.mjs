// @ts-check
/**
 * `npm test`: set-up, then every check and every test, each with its time. Stops at the first step that fails. The last line counts the
 * tests of all runs: `N passed, N failed, N skipped`.
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
/** What failed, and what passed only when it was tried again: repeated at the end, where one looks first. @type {string[]} */
const notes = [];

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
  const { passed, failed, skipped, failures, flaky } = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  notes.push(...failures.map((line) => `  FAILED: ${line}`));
  notes.push(...flaky.map((line) => `  only at the second try: ${line}`));
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
  else console.log(`SKIPPED: the tests against PEFT itself, since ${found.skipped}`);
  return vitest('interop');
}

/** @type {[name: string, step: () => boolean][]} */
const STEPS = [
  ['set-up', () => setUp({ tests: true })],
  ['lint', () => tool('eslint', '--max-warnings', '0', '.')],
  ['format', () => tool('prettier', '--check', '--log-level', 'warn', '.')],
  ['types', () => tool('tsc', '--noEmit')],
  ['svelte', () => tool('svelte-check', '--fail-on-warnings', '--output', 'human')],
  ['unit tests', () => vitest('unit')],
  ['GPU tests', () => vitest('gpu')],
  ['browser tests', () => vitest('browser')],
  ['interop tests', interop],
];

mkdirSync(RESULTS, { recursive: true });
/** @type {string[]} */
const summary = [];
let failed = '';
for (const [name, step] of STEPS) {
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

console.log(
  `\n${failed ? `Stopped at the first failure: ${failed}` : 'Everything passed'}\n${[...summary, ...notes].join('\n')}\n`,
);
// A step that fails without a failing test (lint, a crash) is a failure of the whole.
if (failed && total.failed === 0) total.failed = 1;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = failed ? 1 : 0;

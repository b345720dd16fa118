// @ts-check
/**
 * A vitest reporter: writes the results of a run, including unhandled errors, to the file that GRAFT_TEST_RESULTS names. If GRAFT_TEST_TITLES is set, only
 * tests with these words in their titles count: vitest lists the others as skipped.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './machine.mjs';

/**
 * @typedef {object} Results
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} failures where, the first line of why, and what was found; tests first, then what belongs to none
 * @property {{ file: string, seconds: number }[]} files how long each took
 * @property {{ file: string, tests: number }[]} left files of which no test ran
 */

/** The most characters of a value in a message. */
const MAX_OF_A_VALUE = 300;

/**
 * The first line of each error with what a page was waited for and, since that line shortens arrays and objects, what was found instead of
 * what was expected.
 *
 * @param {readonly { readonly message: string, readonly actual?: unknown }[] | undefined} errors
 */
const why = (errors) =>
  (errors ?? [])
    .map(({ message, actual }) => {
      // Playwright colours its log.
      const [waited] = /(?<=- )waiting for .*/.exec(stripVTControlCharacters(message)) ?? [''];
      const first = `${message.split('\n', 1)[0].slice(0, 160)} ${waited}`.trim();
      // Vitest hands values over as text.
      if (typeof actual !== 'string') return first;
      const value = actual.replace(/\s+/g, ' ').trim();
      if (value === '' || first.includes(value)) return first;
      const cut = value.length > MAX_OF_A_VALUE ? `${value.slice(0, MAX_OF_A_VALUE)}…` : value;
      return `${first} – found ${cut}`;
    })
    .join('; ');

export default class {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly { readonly message: string, readonly actual?: unknown }[]} unhandled
   */
  onTestRunEnd(modules, unhandled) {
    /** @type {Results} */
    const results = { passed: 0, failed: 0, skipped: 0, failures: [], files: [], left: [] };
    for (const module of modules) {
      const file = relative(root, module.moduleId);
      const { duration, collectDuration, setupDuration } = module.diagnostic();
      results.files.push({ file, seconds: (duration + collectDuration + setupDuration) / 1000 });
      const words = process.env['GRAFT_TEST_TITLES'] ?? '';
      const tests = [...module.children.allTests()].filter(({ fullName }) => fullName.includes(words));
      if (tests.length > 0 && tests.every((test) => test.result().state === 'skipped'))
        results.left.push({ file, tests: tests.length });
      for (const test of tests) {
        const { state, errors } = test.result();
        if (state === 'passed') results.passed++;
        else if (state === 'failed') results.failed++;
        else results.skipped++;
        if (state !== 'failed') continue;
        const { pages } = test.meta();
        results.failures.push(
          `${file}: ${test.fullName}: ${why(errors)}${pages ? ` – on the page: ${pages}` : ''}`,
        );
      }
      for (const suite of [module, ...module.children.allSuites()])
        if (suite.errors().length > 0)
          results.failures.push(`${file}: outside its tests: ${why(suite.errors())}`);
    }
    for (const error of unhandled) results.failures.push(`unhandled: ${why([error])}`);
    const file = process.env['GRAFT_TEST_RESULTS'];
    if (!file) throw new Error('GRAFT_TEST_RESULTS names no file');
    writeFileSync(file, JSON.stringify(results, null, 2));
  }
}

/**
 * `npm run test:mutations`: puts each fault of the table (table.ts) into a copy of the checkout and runs the tests that should notice it.
 *
 *     npm run test:mutations                      all of them
 *     npm run test:mutations -- dropout dpo       those whose names contain one of these
 *     npm run test:mutations -- --check           only whether each still fits the sources
 *     npm run test:mutations -- --write           also writes their lines in the table of docs/reliability.md
 *
 * It fails if a mutation survives, or no longer fits the sources.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Copy } from './copy.ts';
import { misfits } from './fit.ts';
import type { Mutation } from './mutation.ts';
import { MUTATIONS } from './table.ts';
import { runTests } from './vitest.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const REPORT = join(ROOT, 'docs', 'reliability.md');

interface Result {
  readonly mutation: Mutation;
  readonly verdict: 'killed' | 'survived' | 'broken' | 'equivalent';
  /** The file of the test that failed; the files that did not notice; or why nothing can. */
  readonly by: string;
  /** The test that failed, or what broke instead. */
  readonly detail?: string;
  readonly seconds: number;
}

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
});

function fail(message: string, code = 1): never {
  console.error(message);
  process.exit(code);
}

const chosen = MUTATIONS.filter(({ id }) => names.length === 0 || names.some((name) => id.includes(name)));
if (chosen.length === 0) fail(`No mutation has a name with ${names.join(' or ')} in it.`, 2);
const jobs = Number(flags.jobs);
if (!Number.isInteger(jobs) || jobs < 1) fail(`--jobs is ${flags.jobs}: give 1 or more.`, 2);

const ids = MUTATIONS.map(({ id }) => id);
const wrong = misfits(ROOT, MUTATIONS);
if (wrong.length > 0) fail(`${wrong.join('\n')}\nMend tests/mutations/tables/.`);
if (flags.check) {
  console.log(`All ${MUTATIONS.length} mutations fit the sources.`);
  process.exit(0);
}

/** Without a mutation every file must pass, and not skip all that it has: otherwise a failure means nothing. */
async function expectGreen(copy: Copy): Promise<void> {
  const files = [...new Set(chosen.flatMap(({ tests, equivalent }) => (equivalent ? [] : tests)))];
  const { passed, failed, broken } = await runTests(copy.root, files, false);
  if (failed) throw new Error(`Without a mutation, ${failed.file} fails: ${failed.test}`);
  if (broken !== undefined) throw new Error(`Without a mutation, the tests do not run: ${broken}`);
  const idle = files.filter((file) => !passed.get(file));
  if (idle.length > 0)
    throw new Error(`Nothing passes in a clone without ../shared in ${idle.join(', ')}: name other tests.`);
}

async function tried(copy: Copy, mutation: Mutation): Promise<Result> {
  if (mutation.equivalent !== undefined)
    return { mutation, verdict: 'equivalent', by: mutation.equivalent, seconds: 0 };
  const began = performance.now();
  const { failed, broken } = await copy.mutated(mutation, () => runTests(copy.root, mutation.tests, true));
  const seconds = (performance.now() - began) / 1000;
  if (failed) return { mutation, verdict: 'killed', by: failed.file, detail: failed.test, seconds };
  const by = mutation.tests.join(', ');
  if (broken !== undefined) return { mutation, verdict: 'broken', by, detail: broken, seconds };
  return { mutation, verdict: 'survived', by, seconds };
}

async function all(): Promise<Result[]> {
  const copies: Copy[] = [];
  const results: Result[] = [];
  // An exit removes the copies.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  try {
    for (let job = 0; job < Math.min(jobs, chosen.length); job++) copies.push(new Copy(ROOT));
    await expectGreen(copies[0]);
    const left = [...chosen];
    await Promise.all(
      copies.map(async (copy) => {
        for (let next = left.shift(); next; next = left.shift()) {
          const result = await tried(copy, next);
          results.push(result);
          const { verdict, by, detail = '', seconds } = result;
          const time = `${seconds.toFixed(1).padStart(5)} s`;
          console.log(`${verdict.padEnd(10)} ${time}  ${next.id}  ← ${by}  ${detail}`);
        }
      }),
    );
  } finally {
    for (const copy of copies) copy.remove();
  }
  return results.sort((a, b) => ids.indexOf(a.mutation.id) - ids.indexOf(b.mutation.id));
}

/** docs/reliability.md with a line for each of these results; lines of other mutations of the table stay. */
function reported(text: string, results: readonly Result[]): string {
  const [begin, end] = ['<!-- mutations -->', '<!-- end of mutations -->'];
  const [before, table, after] = text.split(new RegExp(`${begin}|${end}`));
  const cell = (content: string): string => content.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  const lines = new Map(table.split('\n').map((line) => [/^\| ([\w-]+) \|/.exec(line)?.[1], line]));
  for (const { mutation, verdict, by } of results) {
    const killer = verdict === 'equivalent' ? `nothing can: ${by}` : by.replace(/^tests\//, '');
    lines.set(mutation.id, `| ${mutation.id} | ${cell(mutation.breaks)} | ${cell(killer)} |`);
  }
  const rows = ids.flatMap((id) => lines.get(id) ?? []);
  const head = ['| mutation | what is wrong then | killed by |', '|---|---|---|'];
  return `${before}${begin}\n${[...head, ...rows].join('\n')}\n${end}${after}`;
}

const results = await all();
const count = (verdict: Result['verdict']): number =>
  results.filter((result) => result.verdict === verdict).length;
console.log(
  `${count('killed')} killed, ${count('survived')} survived, ${count('broken')} broken, ${count('equivalent')} equivalent`,
);
if (count('survived') + count('broken') > 0) process.exitCode = 1;
if (flags.write) {
  const known = results.filter(({ verdict }) => verdict === 'killed' || verdict === 'equivalent');
  writeFileSync(REPORT, reported(readFileSync(REPORT, 'utf8'), known));
}

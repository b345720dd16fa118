/** Runs files of tests in a copy of the checkout, and says which test failed. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface Outcome {
  /** Tests that passed, by file. */
  readonly passed: ReadonlyMap<string, number>;
  /** The first test that failed. */
  readonly failed: { readonly file: string; readonly test: string } | undefined;
  /** What went wrong without a failing test: a file that does not load, an uncaught error, too long a time. */
  readonly broken: string | undefined;
}

/** Longer than the tests of a mutation take on a busy machine: an endless loop is not waited for. */
const LIMIT_SECONDS = 300;
/** The projects of vitest.config.ts; the tests of kernels and models run on the CPU engine. */
const PROJECTS = [
  ['tests/unit/', 'unit'],
  ['tests/cpu/', 'cpu'],
  ['tests/engine/', 'cpu'],
] as const;

function projectOf(file: string): string {
  const project = PROJECTS.find(([folder]) => file.startsWith(folder));
  if (!project) throw new Error(`${file} is in no project that mutations are tried with`);
  return project[1];
}

/** @param isMutated whether to stop at the first failure, and after some minutes */
export async function runTests(root: string, files: readonly string[], isMutated: boolean): Promise<Outcome> {
  const passed = new Map<string, number>();
  for (const project of new Set(files.map(projectOf))) {
    const own = files.filter((file) => projectOf(file) === project);
    const outcome = await runProject(root, project, own, isMutated);
    for (const [file, count] of outcome.passed) passed.set(file, count);
    if (outcome.failed || outcome.broken !== undefined) return { ...outcome, passed };
  }
  return { passed, failed: undefined, broken: undefined };
}

async function runProject(
  root: string,
  project: string,
  files: readonly string[],
  isMutated: boolean,
): Promise<Outcome> {
  const report = join(root, 'test-results', 'mutation.json');
  rmSync(report, { force: true });
  const flags = [
    ...['--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    // Most of a run is the transformation of sources, of which a mutation changes one.
    '--experimental.fsModuleCache',
    `--experimental.fsModuleCachePath=${join(root, '.cache', 'vitest')}`,
  ];
  const parameters = ['run', ...flags, ...(isMutated ? ['--bail=1'] : []), ...files];
  const { code, said, late } = await vitest(root, parameters, isMutated ? LIMIT_SECONDS : Infinity);
  const passed = new Map<string, number>();
  if (late) return { passed, failed: undefined, broken: `no end after ${LIMIT_SECONDS} s` };
  if (!existsSync(report)) return { passed, failed: undefined, broken: said.slice(-2000) };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  let failed: Outcome['failed'];
  for (const { name, assertionResults } of testResults) {
    const file = name.slice(root.length + 1);
    passed.set(file, assertionResults.filter(({ status }) => status === 'passed').length);
    const first = assertionResults.find(({ status }) => status === 'failed');
    if (first) failed ??= { file, test: first.fullName };
  }
  const unloaded = testResults.find(({ status, message }) => status === 'failed' && message !== '');
  const broken = failed || code === 0 ? undefined : (unloaded?.message ?? said.slice(-2000));
  return { passed, failed, broken };
}

function vitest(
  root: string,
  parameters: readonly string[],
  mostSeconds: number,
): Promise<{ code: number | null; said: string; late: boolean }> {
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [program, ...parameters], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let late = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const stop = (): void => {
    late = true;
    child.kill('SIGKILL');
  };
  const timer = Number.isFinite(mostSeconds) ? setTimeout(stop, mostSeconds * 1000) : undefined;
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, said, late });
    });
  });
}

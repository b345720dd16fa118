/** The linters can fail: ESLint and oxlint themselves, with the repository's configuration, on lines that break the rules between rooms and those of types. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript-eslint';
import { describe, expect, test } from 'vitest';
import { gpuObjects } from '../../scripts/lint/gpu-objects.mjs';
import { forbidden, ROOMS } from '../../scripts/lint/rooms.mjs';
import rooms from '../../scripts/lint/rooms.mjs';

const root = join(import.meta.dirname, '../..');

/** The two rules only, without types, so that a fixture needs no file. */
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: {
    files: ['src/**/*.ts'],
    plugins: { rooms },
    languageOptions: { parser: ts.parser as never },
    rules: { 'rooms/imports': 'error', 'rooms/owners': 'error' },
  },
});

async function complaints(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  return result.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

const BROKEN = [
  ['src/app/chat/chat.ts', `import { Device } from '../../engine/device.ts';`],
  ['src/app/chat/chat.ts', `import type { Device } from '../../engine/device.ts';`],
  ['src/app/worker.ts', `import { describeGpu } from '../worker/gpu.ts';`],
  ['src/app/worker.ts', `import type { x } from '../worker/gpu.ts';`],
  ['src/app/worker.ts', `import { x } from '../worker/api.ts';`],
  ['src/app/worker.ts', `import { type x, y } from '../worker/api.ts';`],
  ['src/app/worker.ts', `import type { FormSpec } from '../worker/api/runs.ts';`],
  ['src/engine/ops/add.ts', `import { Config } from '../../model/config.ts';`],
  ['src/engine/ops/add.ts', `export * from '../../weights/dtypes.ts';`],
  ['src/engine/ops/add.ts', `export { x } from '../../weights/dtypes.ts';`],
  ['src/engine/device.ts', `const x = await import('../cli/dawn.ts');`],
  ['src/model/llama.ts', `import { Tokenizer } from '../text/tokenizer.ts';`],
  ['src/weights/hub.ts', `import { x } from '../engine/tensor.ts';`],
  ['src/text/template.ts', `import { x } from '../weights/bytes.ts';`],
  ['src/data/rows.ts', `import { x } from '../train/batch.ts';`],
  ['src/train/loop.ts', `import { x } from '../storage/runs.ts';`],
  ['src/train/loop.ts', `import { x } from '../data/rows.ts';`],
  ['src/evaluate/loss.ts', `import { x } from '../storage/runs.ts';`],
  ['src/storage/runs.ts', `import { x } from '../data/rows.ts';`],
  ['src/worker/main.ts', `import { x } from '../app/ui/x.ts';`],
  ['src/cli/main.ts', `import { x } from '../app/ui/x.ts';`],
  ['src/errors.ts', `import { x } from './engine/device.ts';`],
  ['src/model/llama.ts', `import source from '../../shaders/add.wgsl?raw';`],
  ['src/model/llama.ts', `import { readFile } from 'node:fs/promises';`],
  ['src/model/llama.ts', `import { x } from '../../tests/engine/run.ts';`],
  ['src/worker/main.ts', `import { mount } from 'svelte';`],
  ['src/train/loop.ts', `import { openDB } from 'idb';`],
  ['src/worker/main.ts', `import { create } from 'webgpu';`],
  ['src/settings/table.ts', `import { x } from '../train/options.ts';`],
  ['src/new-room/x.ts', `import { x } from '../errors.ts';`],
  ['src/model/llama.ts', `let device: GPUDevice;`],
  ['src/engine/tape.ts', `let device: GPUDevice;`],
  ['src/app/gpu.ts', `await navigator.gpu.requestAdapter();`],
  ['src/app/keep.ts', `indexedDB.open('x');`],
  ['src/worker/keep.ts', `await navigator.storage.getDirectory();`],
] as const;

const FINE = [
  ['src/app/worker.ts', `import type { GraftWorker } from '../worker/api.ts';`],
  ['src/app/worker.ts', `import { type GraftWorker } from '../worker/api.ts';`],
  ['src/app/form.ts', `import { TABLE } from '../settings/table.ts';`],
  ['src/app/runs.ts', `import { runs } from '../storage/runs.ts';`],
  ['src/engine/webgpu/lower/add.ts', `import source from '../../../../shaders/add.wgsl?raw';`],
  ['src/engine/webgpu/device.ts', `let device: GPUDevice;`],
  ['src/engine/ops/add.ts', `import { GraftError } from '../../errors.ts'; import { x } from '../tape.ts';`],
  [
    'src/train/loop.ts',
    `import type { Row } from '../data/rows.ts'; import { Tape } from '../engine/tape.ts';`,
  ],
  [
    'src/worker/main.ts',
    `import { expose } from 'comlink'; import { x } from '../train/loop.ts'; open(navigator.gpu);`,
  ],
  [
    'src/cli/main.ts',
    `import { readFile } from 'node:fs/promises'; import { x } from '../export/peft.ts'; let gpu: GPU;`,
  ],
  ['src/storage/runs.ts', `indexedDB.open('x'); await navigator.storage.getDirectory();`],
] as const;

describe('the import rules', () => {
  test.each(BROKEN)('%s may not: %s', async (file, code) => {
    expect(await complaints(file, code)).toEqual([expect.stringMatching(/^rooms\//)]);
  });
  test.each(FINE)('%s may: %s', async (file, code) => {
    expect(await complaints(file, code)).toEqual([]);
  });
  test('the repository applies them to components', async () => {
    const config = (await new ESLint({ cwd: root }).calculateConfigForFile('src/app/App.svelte')) as {
      rules: Record<string, unknown[]>;
    };
    expect(config.rules['rooms/imports'][0]).toBe(2);
    expect(config.rules['rooms/owners'][0]).toBe(2);
  });
  test('a WebGPU object is known by its type', { timeout: 180_000 }, () => {
    const code = [
      `import { openDevice } from '../engine/webgpu/device.ts';`,
      `export const open = async (gpu: GPU): Promise<number> => (await openDevice(gpu)).gpu.queue.label.length;`,
    ].join('\n');
    const path = join(root, 'src/cli/dawn.ts');
    // The types of one file and what it imports.
    const config = join(root, 'tests/unit/rooms.tsconfig.json');
    expect(gpuObjects(config, (file) => (file === path ? code : undefined))).toEqual(
      ['queue.label', 'queue'].map((end) => ({
        file: 'src/cli/dawn.ts',
        line: 2,
        message: `Only src/engine/webgpu may touch (await openDevice(gpu)).gpu.${end}, which is WebGPU's.`,
      })),
    );
  });
  test('no two rooms import each other', () => {
    const reaches = (from: string, to: string): boolean =>
      ROOMS[from].imports.some((room) => room === to || (room in ROOMS && reaches(room, to)));
    for (const room of Object.keys(ROOMS)) expect([room, reaches(room, room)]).toEqual([room, false]);
  });
  test('a message says what is allowed', () => {
    expect(forbidden(join(root, 'src/model/llama.ts'), '../text/x.ts', false)).toBe(
      'model may not import text/x.ts. It may import engine, weights and abort-signals, answers, errors, averages, capital, random, json, lists, numbers, requests, smooth, nearest-name, proportion, printable, html, repo-name.',
    );
  });
});

/** Rules of oxlint that lines break. @param files their text by path */
function oxlint(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'graft-lint-'));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  cpSync(join(root, 'scripts/lint'), join(folder, 'scripts/lint'), { recursive: true });
  cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  write('package.json', '{ "type": "module" }');
  write('tsconfig.json', JSON.stringify({ compilerOptions: { strict: true } }));
  for (const [file, text] of Object.entries(files)) write(file, text);
  const bin = join(root, 'node_modules', '.bin');
  const { stdout, stderr } = spawnSync(join(bin, 'oxlint'), ['--format', 'json', ...Object.keys(files)], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` },
  });
  rmSync(folder, { recursive: true, force: true });
  expect(stderr).toBe('');
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[];
  };
  return diagnostics.map(({ code, filename, labels }) => `${filename}:${labels[0].span.line} ${code}`).sort();
}

describe('oxlint, with the configuration of the repository,', () => {
  const printing = [
    `process.stdout.write('a');`,
    `const { stderr } = process;`,
    `import { stdout } from 'node:process';`,
    `console.log(stdout, stderr);`,
  ].join('\n');
  const waiting = `await page.waitForFunction(async () => true);\nawait page.waitForFunction(() => true);`;

  test('finds each of our rules, and each that needs types', { timeout: 180_000 }, () => {
    const found = oxlint({
      'src/model/llama.ts': `import { x } from '../text/x.ts';\nexport let device: GPUDevice = x;`,
      'src/engine/webgpu/device.ts': `export let device: GPUDevice;`,
      'src/cli/generate.ts': printing,
      'src/cli/streams.ts': printing,
      'tests/browser/page.test.ts': `declare const page: { waitForFunction(f: () => unknown): unknown };\n${waiting}`,
      'scripts/page.mjs': `${waiting}\n`,
      'src/train/broken.ts': `export const later = async (): Promise<number> => 1;
export const forget = (): void => { later(); };
export const wait = async (): Promise<number> => await 3;
export const ask = (): boolean => [1].some(async () => true);
export function fail(): never { throw 'x'; }
export function choose(x: 'a' | 'b'): number { switch (x) { case 'a': return 1; } return 2; }
import { Row } from './row.ts';
export const row = (unused: Row): boolean => ('' as any) == 1;`,
    });
    expect(found).toEqual([
      'scripts/page.mjs:1 eslint(no-undef)',
      'scripts/page.mjs:1 waits(for-function)',
      'scripts/page.mjs:2 eslint(no-undef)',
      'src/cli/generate.ts:1 eslint(no-restricted-properties)',
      'src/cli/generate.ts:2 eslint(no-restricted-properties)',
      'src/cli/generate.ts:3 eslint(no-restricted-imports)',
      'src/cli/generate.ts:4 eslint(no-console)',
      'src/cli/streams.ts:4 eslint(no-console)',
      'src/model/llama.ts:1 rooms(imports)',
      'src/model/llama.ts:2 eslint(prefer-const)',
      'src/model/llama.ts:2 rooms(owners)',
      'src/train/broken.ts:2 typescript(no-floating-promises)',
      'src/train/broken.ts:3 typescript(await-thenable)',
      'src/train/broken.ts:4 typescript(no-misused-promises)',
      'src/train/broken.ts:5 typescript(only-throw-error)',
      'src/train/broken.ts:6 typescript(switch-exhaustiveness-check)',
      'src/train/broken.ts:7 typescript(consistent-type-imports)',
      'src/train/broken.ts:8 eslint(eqeqeq)',
      'src/train/broken.ts:8 eslint(no-unused-vars)',
      'src/train/broken.ts:8 typescript(no-explicit-any)',
      'tests/browser/page.test.ts:2 waits(for-function)',
    ]);
  });
});

test('ESLint has the rules that need types for components', async () => {
  const { rules } = (await new ESLint({ cwd: root }).calculateConfigForFile('src/app/App.svelte')) as {
    rules: Record<string, unknown[]>;
  };
  const names = [
    'await-thenable',
    'no-floating-promises',
    'no-misused-promises',
    'only-throw-error',
    'switch-exhaustiveness-check',
  ];
  for (const rule of names) expect([rule, rules[`@typescript-eslint/${rule}`]?.[0]]).toEqual([rule, 2]);
});

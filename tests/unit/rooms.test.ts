/** The linters can fail: ESLint and oxlint themselves, with the repository's configuration, on lines that break the rules between rooms and those of types. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript-eslint';
import { describe, expect, test } from 'vitest';
import { forbidden, ROOMS } from '../../scripts/lint/rooms.mjs';
import rooms from '../../scripts/lint/rooms.mjs';

const root = join(import.meta.dirname, '../..');

/** The two rules alone, without types, so that a fixture needs no file. */
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
  test('the repository applies them to every file of src', async () => {
    const config = (await new ESLint({ cwd: root }).calculateConfigForFile('src/model/llama.ts')) as {
      rules: Record<string, unknown[]>;
    };
    expect(config.rules['rooms/imports'][0]).toBe(2);
    expect(config.rules['rooms/owners'][0]).toBe(2);
  });
  test('only one file of the command writes to standard output and standard error', async () => {
    const rulesOf = async (file: string): Promise<Record<string, never>> => {
      const { rules } = (await new ESLint({ cwd: root }).calculateConfigForFile(file)) as {
        rules: Record<string, never>;
      };
      const names = ['no-console', 'no-restricted-properties', 'no-restricted-imports'];
      return Object.fromEntries(names.flatMap((name) => (name in rules ? [[name, rules[name]]] : [])));
    };
    const code = [
      `process.stdout.write('a');`,
      `const { stderr } = process;`,
      `import { stdout } from 'node:process';`,
      `console.log('a');`,
    ];
    const found = async (file: string): Promise<number[]> => {
      const linter = new ESLint({
        cwd: root,
        overrideConfigFile: true,
        overrideConfig: {
          files: ['src/**/*.ts'],
          languageOptions: {
            parser: ts.parser as never,
            globals: { console: 'readonly', process: 'readonly' },
          },
          rules: await rulesOf(file),
        },
      });
      const [{ messages }] = await linter.lintText(code.join('\n'), { filePath: join(root, file) });
      return messages.map(({ line }) => line).sort();
    };
    expect(await found('src/cli/generate.ts')).toEqual([1, 2, 3, 4]);
    expect(await found('src/cli/streams.ts')).toEqual([4]);
  });
  // The types of one file and what it imports: those of the whole project take twenty seconds to read.
  test('a WebGPU object is known by its type', { timeout: 180_000 }, async () => {
    const typed = new ESLint({
      cwd: root,
      ruleFilter: ({ ruleId }) => ruleId.startsWith('rooms'),
      overrideConfig: {
        languageOptions: {
          parserOptions: { projectService: false, project: 'tests/unit/rooms.tsconfig.json' },
        },
      },
    });
    const code = [
      `import { openDevice } from '../engine/webgpu/device.ts';`,
      `export const open = async (gpu: GPU): Promise<number> => (await openDevice(gpu)).gpu.queue.label.length;`,
    ].join('\n');
    // The path of a real file: only those have types.
    const [{ messages }] = await typed.lintText(code, { filePath: join(root, 'src/cli/dawn.ts') });
    expect(new Set(messages.map(({ ruleId }) => ruleId))).toEqual(new Set(['rooms/owners']));
  });
  test('no two rooms import each other', () => {
    const reaches = (from: string, to: string): boolean =>
      ROOMS[from].imports.some((room) => room === to || (room in ROOMS && reaches(room, to)));
    for (const room of Object.keys(ROOMS)) expect([room, reaches(room, room)]).toEqual([room, false]);
  });
  test('a message says what is allowed', () => {
    expect(forbidden(join(root, 'src/model/llama.ts'), '../text/x.ts', false)).toBe(
      'model may not import text/x.ts. It may import engine, weights and answers, errors, averages, random, json, lists, numbers, requests, smooth, nearest-name, proportion, printable, html.',
    );
  });
});

describe('the rules that need types', () => {
  const RULES = [
    'await-thenable',
    'no-floating-promises',
    'no-misused-promises',
    'only-throw-error',
    'switch-exhaustiveness-check',
  ];

  test('oxlint finds each of them in a TypeScript file', { timeout: 180_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'graft-lint-'));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true } }));
    writeFileSync(
      join(folder, 'broken.ts'),
      `export const later = async (): Promise<number> => 1;
      export const forget = (): void => { later(); };
      export const wait = async (): Promise<number> => await 3;
      export const ask = (): boolean => [1].some(async () => true);
      export function fail(): never { throw 'x'; }
      export function choose(x: 'a' | 'b'): number { switch (x) { case 'a': return 1; } return 2; }`,
    );
    const bin = join(root, 'node_modules', '.bin');
    const { stdout, stderr } = spawnSync(
      join(bin, 'oxlint'),
      ['--config', join(root, '.oxlintrc.json'), '--type-aware', '--format', 'json', '.'],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` },
      },
    );
    rmSync(folder, { recursive: true, force: true });
    expect(stderr).toBe('');
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string }[] };
    expect(diagnostics.map(({ code }) => code).sort()).toEqual(RULES.map((rule) => `typescript(${rule})`));
  });

  test('ESLint has them for components', async () => {
    const { rules } = (await new ESLint({ cwd: root }).calculateConfigForFile('src/app/App.svelte')) as {
      rules: Record<string, unknown[]>;
    };
    for (const rule of RULES) expect([rule, rules[`@typescript-eslint/${rule}`]?.[0]]).toEqual([rule, 2]);
  });
});

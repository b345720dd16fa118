/** An evaluation of which a part fails, and one of rows that are pairs or votes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';

const fileOf = (path: string): string => fileURLToPath(new URL(`../../public/${path}`, import.meta.url));
const MODEL = ['--model', fileOf('models/sprig'), ...DEVICE_HERE];
const at = temporaryFolder();

interface Report {
  readonly methods: readonly {
    readonly method: string;
    readonly failed?: string;
    readonly metrics?: { readonly loss?: number };
  }[];
}

test('a method that fails is listed with the reason, the rest is measured and written, and the command ends with 1', async () => {
  const data = ['--data', fileOf('samples/voice/train.jsonl'), '--test-fraction', '0.9', '--rows', '2'];
  const asked = ['--methods', 'few-shot,base', '--shots', '64', '--out', at('out')];
  const { code, out, err } = await graftHere(['evaluate', ...MODEL, ...data, ...asked]);
  expect(code, err).toBe(1);
  expect(out).toMatch(/^Base, with examples {2}failed: 64 examples are asked for, and training has 32/m);
  expect(out).toMatch(/^Base model +\d of 2/m);
  expect(err).toContain('1 method failed and 1 was measured');
  const { methods } = JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as Report;
  expect(methods.map(({ method, failed }) => [method, failed !== undefined])).toEqual([
    ['base', false],
    ['few-shot', true],
  ]);
  const predictions = readFileSync(at('out', 'predictions.jsonl'), 'utf8').trimEnd().split('\n');
  expect(predictions).toHaveLength(2);
});

test.each(['pairs', 'votes'])(
  '%s can have examples before them, and the chosen answer is measured',
  async (rows) => {
    const data = [
      '--data',
      fileOf(`samples/more/${rows}.jsonl`),
      '--test-fraction',
      '0.1',
      '--rows',
      '3',
      '--json',
    ];
    const { code, out, err } = await graftHere(['evaluate', ...MODEL, ...data, '--methods', 'base,few-shot']);
    expect(code, err).toBe(0);
    const { methods } = JSON.parse(out) as Report;
    expect(methods.map(({ method, failed }) => [method, failed])).toEqual([
      ['base', undefined],
      ['few-shot', undefined],
    ]);
    for (const { metrics } of methods) expect(metrics?.loss).toBeGreaterThan(0);
  },
);

/** `graft evaluate --examples similar`: the examples before a question are those that an encoder finds nearest. */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { referencePath } from '../engine/reference-file.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const MEAN = referencePath('encoders', 'mean');

beforeAll(() => {
  const rows = (count: number, of: string): string =>
    Array.from(
      { length: count },
      (_, i) => `${JSON.stringify({ prompt: `${of} ${i}: Is the owl awake?`, completion: 'yes' })}\n`,
    ).join('');
  writeFileSync(at('train.jsonl'), rows(6, 'Row'));
  writeFileSync(at('test.jsonl'), rows(3, 'Case'));
});

const evaluate = (...more: string[]) =>
  graftHere([
    ...['evaluate', '--model', SPRIG, '--data', at('train.jsonl'), '--test-data', at('test.jsonl')],
    ...['--methods', '2-shot', ...more, ...DEVICE_HERE],
  ]);

test('names the encoder in the report, and measures answers and loss behind its examples', async () => {
  const { code, err } = await evaluate('--examples', 'similar', '--encoder', MEAN, '--out', at('out'));
  expect(code, err).toBe(0);
  const { methods } = JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as {
    methods: { rows: number; nearest_shots: number; encoder: string; loss_rows: number }[];
  };
  expect(methods).toMatchObject([{ rows: 3, nearest_shots: 2, encoder: 'mean', loss_rows: 3 }]);
});

test('refuses examples by meaning without an encoder, and an encoder that nothing uses', async () => {
  const without = await evaluate('--examples', 'similar');
  expect([without.code, without.err]).toEqual([2, expect.stringContaining('--encoder is missing')]);
  const idle = await evaluate('--examples', 'nearest', '--encoder', MEAN);
  expect([idle.code, idle.err]).toEqual([2, expect.stringContaining('--index is missing')]);
});

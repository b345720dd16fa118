/** `graft check --adapter`: labels that a tuned model doubts, by the likelihoods that it gives. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { folder } from '../../src/cli/files.ts';
import { promptOf } from '../../src/evaluate/answer.ts';
import { checkLabels, DOUBT_NATS } from '../../src/evaluate/label-check.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { readPeft } from '../../src/export/peft.ts';
import { scoreChoices } from '../../src/model/choice-scores.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG, sprigFolder } from '../engine/sprig.ts';

const ADAPTER = fileURLToPath(new URL('../reference/peft/adapter', import.meta.url));
const at = temporaryFolder();
const LABELS = ['bird', 'fish', 'tree'];
const ROWS = 24;
const prompt = (row: number): string => `Row ${row}: is the owl awake?`;

beforeAll(() => {
  const rows = Array.from({ length: ROWS }, (_, row) =>
    JSON.stringify({ prompt: prompt(row), completion: LABELS[row % 3] }),
  );
  writeFileSync(at('rows.jsonl'), `${rows.join('\n')}\n`);
  const texts = Array.from({ length: ROWS }, (_, row) =>
    JSON.stringify({ prompt: prompt(row), completion: `So ${row}.` }),
  );
  writeFileSync(at('texts.jsonl'), `${texts.join('\n')}\n`);
});

const check = (data: string, ...more: string[]) =>
  graftHere(['check', '--data', data, '--model', SPRIG, '--adapter', ADAPTER, ...more, ...DEVICE_HERE]);

interface Found {
  readonly findings: readonly {
    readonly id: string;
    readonly rows: readonly number[];
    readonly why: string;
  }[];
  readonly unlikely: readonly {
    readonly row: number;
    readonly label: string;
    readonly likelier: string;
    readonly nats: number;
  }[];
}

test('lists the rows whose label is three times less likely than another one, the least certain first', async () => {
  const { code, out, err } = await check(at('rows.jsonl'), '--json');
  expect(code, err).toBe(0);
  const { findings, unlikely } = JSON.parse(out) as Found;
  const device = await openProcessor({ threads: 1 });
  const model = await LanguageModel.load(device, sprigFolder(), { precision: 'f32' });
  const tokenizer = await loadTokenizer(sprigFolder());
  const { modules, tensors } = await readPeft(folder(ADAPTER), model.definition);
  const adapter = await Adapter.frozen(model, modules, tensors);
  const choices = LABELS.map((label) => tokenizer.encode(label));
  const scores = await scoreChoices(
    model,
    Array.from({ length: ROWS }, (_, row) => ({ prompt: promptOf(tokenizer, prompt(row)), choices })),
    adapter,
  );
  const wanted = scores.flatMap((own, row) => {
    const nats = Math.max(...own) - own[row % 3];
    return nats >= DOUBT_NATS ? [{ row, nats, likelier: LABELS[own.indexOf(Math.max(...own))] }] : [];
  });
  expect(wanted.length).toBeGreaterThan(0);
  expect(wanted.length).toBeLessThan(ROWS);
  expect(unlikely.map(({ row }) => row).sort((a, b) => a - b)).toEqual(wanted.map(({ row }) => row));
  for (const { row, nats, likelier } of wanted) {
    const found = unlikely.find((one) => one.row === row);
    expect(found).toMatchObject({ label: LABELS[row % 3], likelier });
    expect(found?.nats).toBeCloseTo(nats, 2);
  }
  const nats = unlikely.map((one) => one.nats);
  expect(nats).toEqual([...nats].sort((a, b) => b - a));
  const finding = findings.find(({ id }) => id === 'unlikely-label');
  expect(finding?.rows).toEqual(wanted.map(({ row }) => row));
  expect(finding?.why).toContain(`of ${ROWS} rows the tuned model finds another label`);
  // A caller that ends the work gets its own error.
  const rows = Array.from({ length: ROWS }, (_, row) => ({
    row,
    example: { kind: 'completion' as const, line: row + 1, prompt: prompt(row), completion: LABELS[row % 3] },
  }));
  await expect(
    checkLabels({ model, tokenizer, adapter }, rows, () => Promise.reject(new Error('enough'))),
  ).rejects.toThrow('enough');
});

test('refuses rows whose answers are no labels', async () => {
  const { code, err } = await check(at('texts.jsonl'));
  expect(code).toBe(2);
  expect(err).toContain('The answers of these rows are not labels');
});

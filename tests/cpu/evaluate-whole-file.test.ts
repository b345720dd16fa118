/** `graft evaluate` on a file that has only test rows, as other tools call it: all rows are measured, and examples are rows that no method answers. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { Prediction } from '../../src/evaluate/report.ts';
import { DEVICE_HERE, graftHere, temporaryFolder, VOICE, type Ended } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const ROWS = 8;

interface Report {
  readonly data: { readonly split: string; readonly rows: number };
  readonly draw: {
    readonly asked: number;
    readonly of: number;
    readonly reserved?: { readonly rows: number; readonly lines: readonly number[]; readonly why: string };
  };
  readonly methods: readonly {
    readonly method: string;
    readonly rows: number;
    readonly loss_rows?: number;
    readonly failed?: string;
    readonly shots?: readonly { readonly prompt: string }[];
    readonly metrics?: Readonly<Record<string, number>>;
  }[];
  readonly verdict: string;
}

let questions: readonly string[];

/** As other tools call it. @param more further flags */
const evaluate = (
  data: string,
  methods: string,
  out: string,
  ...more: readonly string[]
): Promise<Omit<Ended, 'signal'>> =>
  graftHere([
    ...['evaluate', '--model', SPRIG, '--data', at(data), '--methods', methods],
    ...['--metrics', 'exact-match', '--out', at(out), ...more, ...DEVICE_HERE],
  ]);

const reportIn = (out: string): Report => JSON.parse(readFileSync(at(out, 'report.json'), 'utf8')) as Report;

/** The lines that each method answered. */
function answeredIn(out: string): Map<string, number[]> {
  const answered = new Map<string, number[]>();
  for (const text of readFileSync(at(out, 'predictions.jsonl'), 'utf8').trimEnd().split('\n')) {
    const { method, line } = JSON.parse(text) as Prediction & { readonly line: number };
    answered.set(method, [...(answered.get(method) ?? []), line]);
  }
  return answered;
}

beforeAll(async () => {
  const rows = [...new Set(readFileSync(VOICE, 'utf8').trimEnd().split('\n'))].slice(0, ROWS);
  questions = rows.map((row) => {
    const { messages } = JSON.parse(row) as { messages: readonly { role: string; content: string }[] };
    return messages.find(({ role }) => role === 'user')!.content;
  });
  writeFileSync(at('rows.jsonl'), `${rows.join('\n')}\n`);
  writeFileSync(at('few.jsonl'), `${rows.slice(0, 3).join('\n')}\n`);
  const how = ['--steps', '1', '--batch', '1', '--max-length', '64', ...DEVICE_HERE];
  const { code, err } = await graftHere([
    ...['train', '--model', SPRIG, '--data', at('rows.jsonl'), '--out', at('adapter'), ...how],
  ]);
  expect(code, err).toBe(0);
});

test('all methods answer the rows that are not reserved, and rows that training saw are named', async () => {
  const { code, err } = await evaluate(
    ...(['rows.jsonl', 'zero-shot,3-shot,adapter', 'whole', '--adapter', at('adapter')] as const),
  );
  expect(code, err).toBe(0);
  expect(err).toMatch(/^No rows are held out as test rows: all of --data is measured/m);
  const files = readdirSync(at('whole'));
  for (const name of ['predictions.jsonl', 'report.json', 'evaluation.json', 'report.html'])
    expect(files).toContain(name);
  const { data, draw, methods, verdict } = reportIn('whole');
  expect(data).toMatchObject({ split: 'all', rows: ROWS });
  expect(draw).toMatchObject({ asked: ROWS - 3, of: ROWS - 3, reserved: { rows: 3 } });
  const { lines = [], why = '' } = draw.reserved ?? {};
  expect(err).toContain(why);
  expect(readFileSync(at('whole', 'report.html'), 'utf8')).toContain(why);
  expect(methods.map(({ method, rows, loss_rows }) => [method, rows, loss_rows])).toEqual([
    ['base', ROWS - 3, ROWS - 3],
    ['few-shot', ROWS - 3, ROWS - 3],
    ['adapter', ROWS - 3, ROWS - 3],
  ]);
  for (const { metrics } of methods) expect(metrics?.['exact-match']).toBeTypeOf('number');
  const answered = answeredIn('whole');
  expect([...answered.keys()]).toEqual(['base', 'few-shot', 'adapter']);
  for (const own of answered.values()) {
    expect(own).toEqual(answered.get('base'));
    expect([...own, ...lines].sort((a, b) => a - b)).toEqual(questions.map((_, line) => line + 1));
  }
  // The examples are the reserved rows.
  expect(methods[1].shots?.map(({ prompt }) => prompt).sort()).toEqual(
    lines.map((line) => questions[line - 1]).sort(),
  );
  expect(verdict).toContain(`Training saw ${ROWS - 3} of the ${ROWS - 3} rows that were asked`);
});

test('--split all reserves the same rows, a sample asks the same rows as without examples', async () => {
  const sample = ['--split', 'all', '--rows', '2'];
  const few = await evaluate('rows.jsonl', '3-shot,1-shot', 'sample', ...sample);
  expect(few.code, few.err).toBe(0);
  expect(few.err).not.toMatch(/held out/);
  expect((await evaluate('rows.jsonl', 'zero-shot', 'bare', ...sample)).code).toBe(0);
  expect(reportIn('sample').draw.reserved?.lines).toEqual(reportIn('whole').draw.reserved?.lines);
  expect(reportIn('bare').draw).toMatchObject({ of: ROWS });
  expect(reportIn('bare').draw.reserved).toBeUndefined();
  const asked = answeredIn('bare').get('base')!;
  // Once with one example, once with three.
  expect(answeredIn('sample').get('few-shot')).toEqual([...asked, ...asked]);
});

test('methods that need more rows fail with the reason, and the others are measured', async () => {
  const { code, err } = await evaluate('few.jsonl', 'nearest,zero-shot,3-shot', 'few');
  expect(code).toBe(1);
  expect(err).toContain(
    'Base, with examples: failed. 3 examples are asked for, and of the 3 rows that ask for something none would be left to ask. Ask for fewer examples, or give training rows as --data and the rows to ask as --test-data.',
  );
  const { draw, methods } = reportIn('few');
  expect(draw).toMatchObject({ asked: 3, of: 3 });
  expect(methods.map(({ method, failed }) => [method, failed])).toEqual([
    ['base', undefined],
    ['nearest', expect.stringMatching(/^There are no training rows to answer from\. Give them as --data/)],
    ['few-shot', expect.stringMatching(/^3 examples are asked for/)],
  ]);
});

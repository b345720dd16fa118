/** An evaluation on rows that are read as they are needed says what it says on rows that are held, and makes only the rows of its sample. */
import { writeFileSync } from 'node:fs';
import { beforeAll, expect, test, vi } from 'vitest';
import { evaluateFlags, type ASKED_PARTS } from '../../src/cli/evaluate-flags.ts';
import { openEvalSession } from '../../src/cli/evaluate-session.ts';
import { Flags } from '../../src/cli/flags.ts';
import type { Output } from '../../src/cli/output.ts';
import { openSession, type LoadedModel } from '../../src/cli/session.ts';
import { RowMaker } from '../../src/data/prepare.ts';
import { RowIndex } from '../../src/data/row-index.ts';
import { DEVICE_HERE, graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { SPRIG } from '../engine/sprig.ts';

const at = temporaryFolder();
const SILENT: Output = {
  line: () => undefined,
  progress: () => undefined,
  result: () => undefined,
  clear: () => undefined,
};
const WORDS = ['cat', 'dog', 'fox', 'owl', 'bee'];
const TEST = ['--test-fraction', '0.2', '--val-fraction', '0.1', '--seed', '3'];
const ROWS = 600;

let opened: LoadedModel;
beforeAll(async () => {
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    prompt: `A ${WORDS[i % 5]} and a ${WORDS[(i >> 3) % 5]} ${i}?`,
    completion: i % 3 === 0 ? 'yes' : 'no',
  }));
  const write = (name: string, all: readonly object[]): void =>
    writeFileSync(at(name), all.map((row) => `${JSON.stringify(row)}\n`).join(''));
  write('rows.jsonl', rows);
  // Answers to the same prompts, good ones and bad ones.
  write(
    'votes.jsonl',
    rows.slice(0, 60).map((row, i) => ({ ...row, prompt: `Is it ${i >> 1}?`, label: i % 2 === 0 })),
  );
  const how = ['--data', at('rows.jsonl'), ...TEST, '--steps', '1', '--batch', '1', ...DEVICE_HERE];
  const { code, err } = await graftHere(['train', '--model', SPRIG, ...how, '--out', at('tuned')]);
  expect(code, err).toBe(0);
  opened = await openSession(flagsOf([]), SILENT);
});

const flagsOf = (args: readonly string[]): Flags<typeof evaluateFlags> =>
  new Flags(evaluateFlags, ['--model', SPRIG, '--rows', '4', '--shots', '2', ...DEVICE_HERE, ...args]);

interface Measured {
  readonly record: unknown;
  /** Rows that were tokenized. */
  readonly made: number;
  /** Rows that were read again by an index. */
  readonly read: number;
}

async function measured(
  args: readonly string[],
  part: (typeof ASKED_PARTS)[number],
  isHeld: boolean,
): Promise<Measured> {
  const make = vi.spyOn(RowMaker.prototype, 'add');
  const read = vi.spyOn(RowIndex.prototype, 'exampleOf');
  const held = isHeld ? undefined : { rows: 0, bytes: 0 };
  const exam = await openEvalSession(flagsOf(args), part, SILENT, { opened, ...(held && { held }) });
  for await (const _ of exam.measure(new AbortController().signal));
  exam.close();
  expect(exam.failures).toEqual([]);
  const { partRows, leaks, pairs } = exam;
  const record = JSON.parse(
    JSON.stringify([exam.record(), { partRows, leaks, pairs }], (key, value: unknown) =>
      /^took$|seconds|time$/i.test(key) ? undefined : value,
    ),
  ) as unknown;
  const counts = { made: make.mock.calls.length, read: read.mock.calls.length };
  vi.restoreAllMocks();
  return { record, ...counts };
}

test('says the same of all methods, and tokenizes only what it asks', async () => {
  const args = ['--data', at('rows.jsonl'), ...TEST, '--task', 'Say yes or no', '--adapter', at('tuned')];
  const taken = await measured(args, 'test', false);
  const held = await measured(args, 'test', true);
  expect(taken.record).toEqual(held.record);
  expect(held.made).toBeGreaterThanOrEqual(ROWS);
  expect(held.read).toBe(0);
  // 128 for the report on the file, and those of the sample.
  expect(taken.made).toBeLessThan(200);
  expect(JSON.stringify(taken.record)).toContain('"seen":{"asked":0,"test":0,"of":120}');
});

test('draws labels, choices, pairs and reserved rows as of held rows', async () => {
  const choices = ['--data', at('rows.jsonl'), ...TEST, '--methods', 'base', '--choices', 'labels'];
  const votes = ['--data', at('votes.jsonl'), '--methods', 'base'];
  // Two rows are reserved as examples.
  const examples = ['--data', at('rows.jsonl'), '--methods', 'base,few-shot'];
  for (const [args, part] of [
    [choices, 'validation'],
    [votes, 'all'],
    [examples, 'all'],
  ] as const)
    expect((await measured(args, part, false)).record).toEqual((await measured(args, part, true)).record);
});

/** The check of the open rows, in the page's worker: by the rules of `graft check`, with progress, stopped on request, and as a filter of the list. */
import { beforeAll, expect, test } from 'vitest';
import { checkRows, checkRowsOf } from '../../../src/data/findings/check.ts';
import type { FindingId } from '../../../src/data/findings/finding.ts';
import type { PlacedFinding } from '../../../src/data/findings/open-rows.ts';
import { specialsOf, tokensOfRow } from '../../../src/data/findings/row-tokens.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { openData } from '../../../src/data/open-data.ts';
import type { OtherFiles } from '../../../src/data/options.ts';
import { listRows } from '../../../src/data/row-list.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import type { DataFile, DataOptions, Progress } from '../../../src/worker/api.ts';
import { Checks } from '../../../src/worker/data/checks.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { unstopped } from '../../../src/worker/stopping.ts';
import { openSprig } from './open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'truncate-end', validation: 0, test: 0.2, seed: 1 };
const file = (name: string, rows: readonly unknown[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(
    rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'),
  ),
});
async function open(rows: DataFile, options = OPTIONS, others?: OtherFiles): Promise<RowSet> {
  const slices = new Slices(() => undefined, new AbortController().signal);
  return (await openData(model, rows, options, others, slices)).data;
}
const watched = { onProgress: () => undefined, signal: unstopped() };
const check = async (data: RowSet, checks = new Checks()): Promise<readonly PlacedFinding[]> =>
  (await checks.run(data, model, watched)).findings;
const find = (findings: readonly PlacedFinding[], id: FindingId): PlacedFinding | undefined =>
  findings.find((finding) => finding.id === id);

/** Questions of a help desk, of which no two are alike. */
const DESK = Array.from({ length: 24 }, (_, i) => ({
  prompt: `${['Where', 'When', 'Why', 'How'][i % 4]} is parcel ${'abcdefghijklmnopqrstuvwx'[i]}?`,
  completion: `Answer ${i}.`,
}));
const ODD = [
  DESK[3],
  { prompt: DESK[5].prompt, completion: 'Nobody knows.' },
  { prompt: 'Which card?', completion: '4111 1111 1111 1111' },
  { prompt: 'Tell me all.', completion: 'a word of the answer '.repeat(40) },
  { prompt: 'And then?', completion: '' },
  '{"broken"',
];

test('finds in one file what the command finds in it', async () => {
  const rows = file('rows.jsonl', [...DESK, ...ODD]);
  const read = checkRowsOf(
    readExamples(rows.bytes as Uint8Array, { fileName: rows.name, mostProblems: Infinity }),
  );
  const { tokenizer, info } = model;
  const how = { ...OPTIONS, vocabSize: info.vocabulary, now: new Date() };
  const tokens = new Map(
    read.flatMap(({ row, example }) => (example ? [[row, tokensOfRow(example, tokenizer, how)]] : [])),
  );
  const command = checkRows({
    rows: read,
    testFraction: OPTIONS.test,
    tokens: { rows: tokens, maxLength: OPTIONS.maxLength, ...specialsOf(tokenizer) },
  });
  const data = await open(rows);
  const page = await check(data);
  // Only the page knows which rows are held out.
  const ofSplit: readonly FindingId[] = ['test-in-train', 'near-test-rows', 'few-test-rows'];
  const ofFile = ({ id }: { readonly id: FindingId }): boolean => !ofSplit.includes(id);
  expect(
    page.filter(ofFile).map(({ id, severity, why, count, places }) => ({
      id,
      severity,
      why,
      count,
      rows: places.map(({ at }) => at),
    })),
  ).toEqual(
    command
      .filter(ofFile)
      .map(({ id, severity, why, rows: found }) => ({ id, severity, why, count: found.length, rows: found })),
  );
  expect(page.map(({ id }) => id)).toEqual(
    expect.arrayContaining([
      'exact-duplicates',
      'contradictory-answers',
      'card-number',
      'answers-cut',
      'empty-answers',
      'unreadable-rows',
    ]),
  );
  expect(find(page, 'unreadable-rows')?.places).toMatchObject([
    { line: 30, reason: expect.stringContaining('not valid JSON') },
  ]);
  expect(find(page, 'few-test-rows')?.why).toContain('The test part has 6 rows.');
});

test('takes held-out rows for test rows, in the same file and in one of its own', async () => {
  const twice = await open(file('twice.jsonl', [...DESK, ...DESK]));
  const leaked = find(await check(twice), 'test-in-train');
  expect(leaked?.severity).toBe('error');
  const tested = new Set(
    twice.places
      .filter(({ part }) => part === 'test')
      .map(({ example }) => JSON.stringify(example && { ...example, line: 0 })),
  );
  const copies = twice.entries.flatMap(({ part, example }, at) =>
    part === 'train' && tested.has(JSON.stringify(example && { ...example, line: 0 })) ? [at] : [],
  );
  expect(leaked?.places.map(({ at }) => at)).toEqual(copies);

  const own = await open(file('rows.jsonl', DESK), OPTIONS, {
    heldOut: file('test.jsonl', DESK.slice(0, 2)),
  });
  expect(find(await check(own), 'test-in-train')?.places.map(({ at }) => at)).toEqual([0, 1]);
});

test('ends a finding once its rows are left out', async () => {
  const rows = file('rows.jsonl', [...DESK, ...ODD]);
  const found = find(await check(await open(rows)), 'card-number');
  expect(found).toMatchObject({ count: 1, used: 1, lines: [[27]] });
  const data = await open(rows, { ...OPTIONS, skip: found?.lines });
  expect(find(await check(data), 'card-number')).toBeUndefined();
});

test('says what it needs a model for, and finds the rest without one', async () => {
  const data = await open(file('rows.jsonl', [...DESK, ...ODD]));
  const { findings, withModel } = await new Checks().run(data, undefined, watched);
  expect(withModel).toBe(false);
  expect(find(findings, 'answers-cut')).toBeUndefined();
  expect(find(findings, 'card-number')).toBeDefined();
});

test('lists the rows of a finding, also after they are divided in another way, and none of other rows', async () => {
  const rows = file('rows.jsonl', [...DESK, ...ODD]);
  const checks = new Checks();
  const data = await open(rows);
  await check(data, checks);
  const listed = (of: RowSet, finding: FindingId): number[] =>
    listRows(
      of,
      { finding, from: 0, count: 50 },
      model.tokenizer,
      undefined,
      checks.rowsOf(of, finding),
    ).rows.map(({ at }) => at);
  expect(listed(data, 'contradictory-answers')).toEqual([5, 25]);
  expect(listed(data, 'secret')).toEqual([]);
  expect(listed(await open(rows, { ...OPTIONS, seed: 2 }), 'contradictory-answers')).toEqual([5, 25]);
  expect(listed(await open(file('other.jsonl', DESK)), 'contradictory-answers')).toEqual([]);
});

test('reports how far it is, and ends when it is stopped, while another check goes on', async () => {
  const data = await open(
    file(
      'many.jsonl',
      Array.from({ length: 3000 }, (_, i) => ({
        prompt: `Row ${i} of many more rows?`,
        completion: `It is row ${i}.`,
      })),
    ),
  );
  const checks = new Checks();
  const seen: Progress[] = [];
  const request = new AbortController();
  const onProgress = (progress: Progress): void => {
    seen.push(progress);
    request.abort();
  };
  const first = checks.run(data, model, { onProgress, signal: request.signal });
  await expect(first).rejects.toMatchObject({ code: 'worker-aborted' });
  expect(seen).toEqual([{ what: 'checking', done: expect.any(Number), total: 6000 }]);
  const second = new AbortController();
  const stopped = checks.run(data, model, { ...watched, signal: second.signal });
  const other = checks.run(data, undefined, watched);
  second.abort();
  await expect(stopped).rejects.toMatchObject({ code: 'worker-aborted' });
  await expect(other).resolves.toMatchObject({ withModel: false });
});

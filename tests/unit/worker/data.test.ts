import { beforeAll, expect, test } from 'vitest';
import type { DataFile, DataOptions, DataSummary, OtherFiles, FormSpec } from '../../../src/worker/api.ts';
import { preview, rowsOf, type RowSet } from '../../../src/data/row-set.ts';
import { restoredData } from '../../../src/worker/data/data.ts';
import { askedRows, rowsToKeep } from '../../../src/worker/runs/rows-of-run.ts';
import { folderOfFiles, type OpenModel } from '../../../src/worker/models/model.ts';
import { openData } from '../../../src/data/open-data.ts';
import { promptOfQuestion } from '../../../src/evaluate/answer.ts';
import { questionsOf } from '../../../src/data/questions.ts';
import { listRows } from '../../../src/data/row-list.ts';
import { checkRun } from '../../../src/runs/check-run.ts';
import { headlessCommand } from '../../../src/runs/headless-command.ts';
import type { StoredRows } from '../../../src/storage/records.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from './open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const OPTIONS: DataOptions = { maxLength: 32, overlong: 'truncate-end', validation: 0.2, test: 0.2, seed: 1 };

const chatRow = (user: string, assistant: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ],
  });

const open = (
  from: DataFile,
  options = OPTIONS,
  others?: OtherFiles,
  slices = new Slices(() => undefined, new AbortController().signal),
): Promise<{ data: RowSet; summary: DataSummary }> => openData(model, from, options, others, slices);

const file = (name: string, lines: readonly string[]): DataFile => ({
  name,
  bytes: new TextEncoder().encode(lines.join('\n')),
});

const ten = file('ten.jsonl', [
  ...Array.from({ length: 9 }, (_, i) => chatRow(`Question ${i}`, `Answer ${i}`)),
  '{"broken"',
  chatRow('A long one', 'word '.repeat(60)),
]);

test('rows are split by fractions, and everything irregular is reported', async () => {
  const { data, summary } = await open(ten);
  expect(summary.rows).toEqual({ train: 6, validation: 2, test: 2 });
  expect(summary.format).toBe('messages');
  expect(summary.problems).toMatchObject([{ line: 10 }]);
  expect(summary.problemCount).toBe(1);
  expect(summary.cut).toEqual({
    count: 1,
    rows: [{ at: 10, file: 0, line: 11 }],
    longest: data.entries[10].length,
  });
  expect(summary.longest).toBe(32);
  expect(data.questions).toHaveLength(2);
  expect((await open(ten)).data.places).toEqual(data.places);
});

test('a held-out file is the test part, whole', async () => {
  const held = file('held.jsonl', [chatRow('Held out?', 'Yes.'), 'nonsense']);
  const { data, summary } = await open(ten, OPTIONS, { heldOut: held });
  expect(summary.rows).toEqual({ train: 8, validation: 2, test: 1 });
  expect(summary.problems.at(-1)).toMatchObject({ file: 1, line: 2 });
  expect(summary.files).toMatchObject([
    { name: 'ten.jsonl', rows: 10 },
    { name: 'held.jsonl', rows: 1 },
  ]);
  expect(summary.problemCount).toBe(2);
  expect(data.questions).toEqual([
    { prompt: 'Held out?', expected: 'Yes.', ask: [{ role: 'user', content: 'Held out?' }] },
  ]);
  expect(preview(data, 11, model.tokenizer)).toMatchObject({ file: 1, line: 1, part: 'test' });
});

test('a preview shows what the limit cuts', async () => {
  const { data } = await open(ten);
  const { tokens } = preview(data, 10, model.tokenizer);
  expect(() => preview(data, 9, model.tokenizer)).toThrow(/Line 10 was not read: not valid JSON/);
  expect(tokens.length).toBeGreaterThan(32);
  expect(tokens.filter(({ cut }) => !cut)).toHaveLength(32);
  expect(tokens[0]).toMatchObject({ text: '<|im_start|>', special: true, supervised: false, cut: false });
  for (const index of [-1, 11, 0.5, NaN])
    expect(() => preview(data, index, model.tokenizer)).toThrow(/There is no row/);
});

test('the important places of a very long row are shown, and all of it is counted', async () => {
  const long = file('long.jsonl', [
    JSON.stringify({ prompt: 'a b c '.repeat(20_000), completion: ' yes' }),
    JSON.stringify({ prompt: 'short', completion: ' yes' }),
    JSON.stringify({ prompt: '\n'.repeat(50_000), completion: ' yes' }),
  ]);
  const { data } = await open(long, { ...OPTIONS, overlong: 'truncate-prompt' });
  const { length } = data.entries[0];
  const row = preview(data, 0, model.tokenizer);
  expect(row).toMatchObject({ length, cut: length - 32, supervised: data.entries[0].supervised });
  expect(row.tokens.length).toBeLessThan(1500);
  // Where the cut begins and ends, where the answer begins, and the end.
  const shown = new Set(row.tokens.map(({ at }) => at));
  const answer = row.spans.find(({ kind }) => kind === 'answer')!.start;
  expect(row.spans[0]).toEqual({ start: 0, length: length - 32, kind: 'gone' });
  for (const at of [0, length - 33, length - 32, answer - 1, answer, length - 1]) expect(shown).toContain(at);
  const last = row.tokens
    .slice(-12)
    .map(({ text }) => text)
    .join('');
  expect(last).toContain(' yes');
  expect(row.spans.reduce((sum, span) => sum + span.length, 0)).toBe(length);
  const whole = preview(data, 1, model.tokenizer);
  expect(whole.tokens.map(({ at }) => at)).toEqual(Array.from({ length: whole.length }, (_, at) => at));
  expect(preview(data, 2, model.tokenizer).tokens.length).toBeLessThan(1500);
});

const kept = (data: RowSet): StoredRows => rowsToKeep(askedRows(data, {}), false);

test('the rows and the questions are the same after a reload', async () => {
  const { data } = await open(ten);
  const back = restoredData({ dataName: data.name }, 'abc', structuredClone(kept(data)));
  for (const part of ['train', 'validation', 'test'] as const)
    expect(rowsOf(back, part)).toEqual(rowsOf(data, part));
  expect(back.questions).toEqual(data.questions);
  expect(preview(back, 0, model.tokenizer).tokens.length).toBeGreaterThan(5);
});

test('a file without a usable row says why, and too long a length is refused', async () => {
  await expect(open(file('x.jsonl', ['{"text": 1}']))).rejects.toThrow(
    /x\.jsonl has no row that can be used; line 1: text is 1/,
  );
  await expect(open(file('x.jsonl', ['{"a": {"b": 1}}']))).rejects.toMatchObject({
    code: 'data-columns',
    what: expect.stringContaining('a.b') as string,
  });
  for (const empty of [file('x.jsonl', ['', ' ', '']), file('x.json', ['[]'])])
    await expect(open(empty)).rejects.toMatchObject({
      code: 'data-rows',
      what: `${empty.name} has no rows.`,
    });
  await expect(open(file('x.csv', ['prompt,completion']))).rejects.toMatchObject({
    code: 'data-rows',
    what: 'x.csv has a header (prompt, completion) and no rows below it.',
  });
  await expect(open(ten, { ...OPTIONS, maxLength: 1024 })).rejects.toThrow(/at most 512/);
});

test('rows that all lose their answer to the limit are reported so, and other options keep them', async () => {
  const long = Array.from({ length: 3 }, (_, i) =>
    JSON.stringify({ prompt: 'word '.repeat(40 + i), completion: 'yes' }),
  );
  const [one, three, mixed] = [long.slice(0, 1), long, [...long, '{"prompt": 1}']].map((lines) =>
    file('long.jsonl', lines),
  );
  const lengths = (await open(three, { ...OPTIONS, overlong: 'truncate-prompt' })).data.entries.map(
    ({ length }) => length,
  );
  const longest = Math.max(...lengths);
  await expect(open(three)).rejects.toMatchObject({
    code: 'data-too-long',
    what: `long.jsonl has no row that can be used; all 3 rows are cut at 32 tokens, before the answer. The longest has ${longest}.`,
    longest,
  });
  await expect(open(mixed)).rejects.toThrow('3 of 4 rows are cut at 32 tokens');
  await expect(open(one)).rejects.toThrow('its row is cut at 32 tokens');
  const dropped = open(three, { ...OPTIONS, overlong: 'drop' });
  await expect(dropped).rejects.toThrow('all 3 rows are longer than 32 tokens and left out');
  await expect(dropped).rejects.toMatchObject({ longest });
  expect((await open(three, { ...OPTIONS, maxLength: longest })).summary.cut.count).toBe(0);
});

test('questions are conversations up to their last answer, and prompts with completions', () => {
  const questions = questionsOf(
    [
      {
        kind: 'messages',
        line: 1,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'One?' },
          { role: 'assistant', content: '1' },
          { role: 'user', content: 'Two?' },
          { role: 'assistant', content: '2' },
        ],
      },
      { kind: 'completion', line: 2, prompt: 'Three is', completion: '3', separator: ' ' },
      { kind: 'text', line: 3, text: 'Nothing is asked.' },
      { kind: 'messages', line: 4, messages: [{ role: 'assistant', content: 'Nobody asked.' }] },
    ],
    false,
  );
  expect(questions.map(({ expected }) => expected)).toEqual(['2', '3']);
  expect(questions[0].prompt).toBe('system: Be brief.\nuser: One?\nassistant: 1\nuser: Two?');
  expect(questions[1].ask).toBe('Three is ');
  expect(model.tokenizer.decode(promptOfQuestion(model.tokenizer, questions[1]))).toBe('Three is ');
  expect(model.tokenizer.decode(promptOfQuestion(model.tokenizer, questions[0]))).toMatch(
    /Two\?.*assistant\n$/s,
  );
});

test('the sample prompt is the first held-out one', async () => {
  const rows = file('rows.jsonl', [
    ...Array.from({ length: 9 }, (_, i) => chatRow(`Question ${i}`, `Answer ${i}`)),
    '{"text": "Asks for nothing"}',
  ]);
  const { data, summary } = await open(rows);
  const held = data.places.find(({ part, example }) => part === 'validation' && example?.kind === 'messages');
  expect(summary.prompt).toBe(`Question ${held!.line - 1}`);
  const none = { ...OPTIONS, validation: 0, test: 0 };
  expect((await open(rows, none)).summary.prompt).toBe('Question 0');
  const long = file('long.jsonl', [
    JSON.stringify({ prompt: 'x'.repeat(2000), completion: 'y' }),
    chatRow('Short?', 'Yes'),
  ]);
  expect((await open(long, { ...none, maxLength: 512, overlong: 'truncate-prompt' })).summary.prompt).toBe(
    'Short?',
  );
  expect((await open(file('x.txt', ['Once upon a time']))).summary.prompt).toBeUndefined();
});

test('rows of one template are listed without the words with which all of them begin', async () => {
  const asked = ['a refund', 'a lost card', 'an account'];
  const { data } = await open(
    file(
      'mails.jsonl',
      asked.map((what) => chatRow(`Which team answers this mail? It is about ${what}.`, 'billing')),
    ),
    { ...OPTIONS, maxLength: 512, validation: 0, test: 0 },
  );
  const { rows } = listRows(data, { from: 0, count: 9 }, model.tokenizer);
  expect(rows.map(({ text }) => text)).toEqual([
    '… a refund. → billing',
    '… a lost card. → billing',
    '… an account. → billing',
  ]);
  expect(rows.map(({ label }) => label)).toEqual(['billing', 'billing', 'billing']);
  // They are found by all of their words.
  expect(listRows(data, { from: 0, count: 9, text: 'which team' }, model.tokenizer).total).toBe(3);
});

test('the list has every row, filtered by part, state and text, a window at a time', async () => {
  const held = file('held.jsonl', [chatRow('Question 3', 'Answer 3'), chatRow('New?', 'Yes.')]);
  const rows = file('rows.jsonl', [
    ...Array.from({ length: 9 }, (_, i) => chatRow(`Question ${i}`, `Answer ${i}`)),
    '{"broken"',
    chatRow('A long one', 'word '.repeat(60)),
    chatRow('Question 3', 'Answer 3'),
    chatRow('word '.repeat(60), 'Never seen'),
  ]);
  const { data, summary } = await open(rows, OPTIONS, { heldOut: held });
  const list = (query: object): { total: number; rows: { line: number; text: string; label?: string }[] } =>
    listRows(data, { from: 0, count: 100, ...query }, model.tokenizer);
  expect(summary.listed).toBe(15);
  expect(list({}).rows.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1, 2]);
  expect(list({ from: 9, count: 2 }).rows).toMatchObject([
    { at: 9, line: 10, state: 'bad', tokens: 0, text: expect.stringContaining('not valid JSON') as string },
    { at: 10, line: 11, state: 'cut', kept: 32 },
  ]);
  // A long prompt hides no label, and a long answer is none.
  expect(
    list({})
      .rows.map(({ label }) => label)
      .slice(8),
  ).toEqual([...['Answer 8', undefined, undefined, 'Answer 3', 'Never seen', 'Answer 3', 'Yes.']]);
  expect(list({ state: 'unsupervised' }).rows).toMatchObject([{ line: 13, kept: 0 }]);
  expect(preview(data, 12, model.tokenizer)).toMatchObject({
    line: 13,
    state: 'unsupervised',
    part: undefined,
  });
  expect(list({ state: 'repeated' }).rows.map(({ line }) => line)).toEqual([12, 1]);
  expect(list({ part: 'test' }).total).toBe(2);
  expect(list({ text: 'NEW?' }).rows).toMatchObject([{ file: 1, part: 'test', text: 'New? → Yes.' }]);
  expect(list({ text: 'nowhere' })).toEqual({ total: 0, rows: [] });
  expect(summary.repeated).toBe(2);
  expect(summary.leaks).toContainEqual({
    row: { at: 13, file: 1, line: 1 },
    part: 'test',
    of: expect.objectContaining({ file: 0 }) as unknown,
  });
  expect(summary.leakCount).toBe(list({ state: 'leaked' }).total);
  expect(summary.lengths.counts.reduce((sum, count) => sum + count, 0)).toBe(14);
});

test('a second file with other columns is named, with its columns and the first file', async () => {
  const mapped = { ...OPTIONS, mapping: { prompt: '{{text}}', answer: '{{label}}' } };
  const table = file('bank.csv', ['text,label', ...Array.from({ length: 9 }, (_, i) => `Row ${i},a${i}`)]);
  const other = file('maths.csv', ['question,result', 'One and one?,2']);
  const refusal = {
    code: 'data-beside',
    what: expect.stringMatching(/^maths\.csv cannot be combined with .*question, result/) as string,
    remedy: expect.stringMatching(/in place of the rows/) as string,
  };
  await expect(open(table, mapped, { heldOut: other })).rejects.toMatchObject(refusal);
  await expect(open(table, mapped, { more: [other] })).rejects.toMatchObject(refusal);
  // The page asks for columns of the first file only.
  await expect(open(ten, OPTIONS, { heldOut: other })).rejects.toMatchObject(refusal);
});

test('an import reports progress, and can be stopped', async () => {
  const rows = file('many.csv', [
    'q,a',
    ...Array.from({ length: 3000 }, (_, i) => `Question ${i},Answer ${i}`),
  ]);
  const mapping = { prompt: '{{q}}', answer: '{{a}}' };
  const stop = new AbortController();
  const seen: string[] = [];
  const slices = new Slices(({ what, done, total }) => {
    seen.push(what);
    expect(done).toBeLessThanOrEqual(total);
    if (what === 'preparing') stop.abort();
  }, stop.signal);
  await expect(open(rows, { ...OPTIONS, mapping }, undefined, slices)).rejects.toMatchObject({
    code: 'worker-aborted',
  });
  expect(seen).toContain('preparing');
});

test('another split makes no row again, another limit does', async () => {
  const first = await open(ten);
  const prepared = async (options: DataOptions): Promise<[RowSet, string[]]> => {
    const seen: string[] = [];
    const { data } = await openData(
      model,
      ten,
      options,
      undefined,
      // Every row is reported: no slice is too short.
      Object.defineProperty(new Slices(({ what }) => seen.push(what), new AbortController().signal), 'due', {
        value: true,
      }),
      first.data,
    );
    return [data, seen];
  };
  const [split, told] = await prepared({ ...OPTIONS, validation: 0.5, seed: 3 });
  expect(told).not.toContain('preparing');
  expect(told).toContain('comparing');
  expect(split.places.filter(({ part }) => part === 'validation')).toHaveLength(5);
  const fresh = await open(ten, { ...OPTIONS, validation: 0.5, seed: 3 });
  expect(kept(split)).toEqual(kept(fresh.data));
  const [, again] = await prepared({ ...OPTIONS, maxLength: 16 });
  expect(again).toContain('preparing');
});

const RUN: FormSpec = {
  name: "The captain's",
  steps: 10,
  batch: 2,
  accumulate: 1,
  maxLength: 32,
  lr: 0.001,
  schedule: 'cosine',
  warmup: 1,
  weightDecay: 0,
  clip: 1,
  rank: 4,
  alpha: 8,
  dropout: 0,
  rsLora: true,
  targets: ['q_proj', 'v_proj'],
  rateRatio: 1,
  seed: 7,
  packing: false,
  shuffle: true,
  rankPattern: {},
  alphaPattern: {},
  checkpointing: false,
  evalEvery: 5,
  patience: 0,
  sampleEvery: 5,
  samplePrompt: 'Who?',
};

test('a run that cannot work is refused before anything is compiled', async () => {
  const { data } = await open(ten);
  const check =
    (change: Partial<FormSpec>, of = data) =>
    () =>
      checkRun({ ...RUN, ...change }, of, model);
  expect(check({})).not.toThrow();
  expect(check({ lr: 0 })).toThrow(/The setting lr is 0/);
  expect(check({ maxLength: 16 })).toThrow(/but a row has 32/);
  expect(check({ sampleEvery: -1 })).toThrow(/sampleEvery/);
  expect(check({ samplePrompt: 'word '.repeat(500) })).toThrow(/sample prompt has \d+ tokens/);
  const { data: unsplit } = await open(ten, { ...OPTIONS, validation: 0 });
  expect(check({}, unsplit)).toThrow(/no rows are held out for validation/);
  expect(check({}, { ...data, modelContent: 'other' })).toThrow(/another model/);
});

test('a run can be written as a command', async () => {
  const { data } = await open({ ...ten, name: 'my rows.jsonl' });
  const command = headlessCommand(RUN, data, model);
  expect(command).toMatch(
    /^npx graft train --model public\/models\/sprig --data 'my rows\.jsonl' --method lora --out out\/The-captain-s /,
  );
  expect(command).toContain('--rslora --targets q_proj,v_proj --lr-ratio 1');
  expect(command).not.toContain('--packing');
});

test('chosen files are a folder, wherever it lies among them', async () => {
  const at = (path: string, text: string): File => {
    const chosen = new File([text], path.split('/').at(-1)!);
    Object.defineProperty(chosen, 'webkitRelativePath', { value: path });
    return chosen;
  };
  const nested = folderOfFiles(
    'm',
    [
      at('all/other/tokenizer.json', 'other'),
      at('all/m/config.json', '{}'),
      at('all/m/tokenizer.json', 'mine'),
    ],
    'config.json',
  );
  expect(nested.list()).toEqual(['config.json', 'tokenizer.json']);
  const source = await nested.open('tokenizer.json');
  expect(new TextDecoder().decode(await source!.read(0, source!.size))).toBe('mine');
  const flat = folderOfFiles('m', [new File(['{}'], 'config.json'), new File([''], 'x')], 'config.json');
  expect(flat.list()).toEqual(['config.json', 'x']);
  expect(folderOfFiles('m', [new File([''], 'm.gguf')], 'config.json').list()).toEqual(['m.gguf']);
  expect(folderOfFiles('m', [], 'config.json').list()).toEqual([]);
});

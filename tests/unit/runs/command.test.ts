/** The command that the studio shows repeats the run: the same rows, in the same parts. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { Flags } from '../../../src/cli/flags.ts';
import { openRows, type SplitRows } from '../../../src/cli/open-rows.ts';
import type { Mixture } from '../../../src/data/mixture.ts';
import type { PreparedRow } from '../../../src/data/prepare.ts';
import { readAskedRows } from '../../../src/cli/row-flags.ts';
import { readGiven, trainFlags } from '../../../src/cli/train-flags.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { readWeightChoices } from '../../../src/cli/session.ts';
import type { WeightChoices, DataFile, DataOptions, FormSpec } from '../../../src/worker/api.ts';
import { onlyTask, rowsOf, type RowSet } from '../../../src/data/row-set.ts';
import { itemsOf } from '../../../src/lists.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { openData } from '../../../src/data/open-data.ts';
import { headlessCommand, specOfForm } from '../../../src/runs/headless-command.ts';
import { readRecipe, recipeOf, writeRecipe } from '../../../src/settings/recipe.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from '../worker/open-sprig.ts';
import { specOf, type RunSpec } from '../../../src/settings/spec.ts';

/** The settings of a call, with the defaults of no model. */
const optionsOfFlags = (flags: Flags<typeof trainFlags>): RunSpec => specOf(readGiven(flags));

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const RUN: FormSpec = {
  name: 'run',
  steps: 10,
  batch: 2,
  accumulate: 1,
  maxLength: 48,
  lr: 0.001,
  schedule: 'cosine',
  warmup: 1,
  weightDecay: 0,
  clip: 1,
  rank: 4,
  alpha: 8,
  dropout: 0,
  rsLora: false,
  targets: ['q_proj'],
  rateRatio: 1,
  seed: 7,
  packing: false,
  shuffle: true,
  rankPattern: {},
  alphaPattern: {},
  checkpointing: false,
  evalEvery: 5,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};

const SILENT = createOutput();

/** The words that a shell makes of a line. */
function wordsOf(line: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

const rows = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${i};"What, is ""${i}""?";It is ${i}.`).join('\n');

test.each<[string, string, Partial<DataOptions>]>([
  [
    'a mapping over lines, with quotes',
    `nr;q;a\n${rows(60)}\n`,
    { mapping: { prompt: "- Captain's {{q}}\n\n", answer: '{{a}}' } },
  ],
  [
    'a system message',
    `nr;q;a\n${rows(40)}\n`,
    { mapping: { system: 'Be {{nr}}', prompt: '{{q}}', answer: '{{a}}' } },
  ],
  ['a text', `nr;q;a\n${rows(40)}\n`, { mapping: { text: '{{q}} {{a}}' }, validation: 0.25, test: 0 }],
  [
    'no header, and what stands between cells',
    rows(30),
    { header: false, delimiter: ';', mapping: { prompt: '{{column 2}}', answer: '{{column 3}}' } },
  ],
  [
    'an input under the prompt',
    `nr;q;a\n${rows(40)}\n`,
    { mapping: { prompt: '{{q}}', input: 'No. {{nr}}', answer: '{{a}}' } },
  ],
  [
    'phrasings that lines draw',
    `nr;q;a\n${rows(40)}\n`,
    { mapping: { prompt: 'Ask: {{q}}\n{{or 9}}\n{{q}}\n(no. {{nr}})\n{{or}}\nSo {{q}}', answer: '{{a}}' } },
  ],
  [
    'rows that are left out, and copies',
    `prompt,completion\n${rows(30).replaceAll(';', ',').replaceAll(/^\d+,/gm, '')}\n${'Go,on\n'.repeat(20)}`,
    { skip: [[3, 4, 9]], dropCopies: true },
  ],
  [
    'rows that are cut and bad ones',
    `prompt\tcompletion\n${'Say it\tagain and '.repeat(12)}\nGo\ton\n${'x\ty\n'.repeat(20)}lost\n`,
    { overlong: 'drop', delimiter: '\t' },
  ],
])('%s', async (_, text, change) => {
  const options: DataOptions = {
    maxLength: 48,
    overlong: 'truncate-end',
    validation: 0.1,
    test: 0.2,
    seed: 12345,
    ...change,
  };
  const bytes = new TextEncoder().encode(text);
  const slices = new Slices(() => undefined, new AbortController().signal);
  const folder = await mkdtemp(join(tmpdir(), 'graft-command-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "Ann's rows.csv");
  await writeFile(path, bytes);
  const { data } = await openData(model, { name: "Ann's rows.csv", path, bytes }, options, undefined, slices);

  const [npx, graft, train, ...args] = wordsOf(headlessCommand(RUN, data, model));
  expect([npx, graft, train]).toEqual(['npx', 'graft', 'train']);
  const flags = new Flags(trainFlags, args);
  const asked = optionsOfFlags(flags);
  const dataOptions = readAskedRows(flags, asked.seed);
  expect(dataOptions.file).toBe(path);
  const made = await openRows(
    dataOptions,
    model.tokenizer,
    { maxLength: asked.maxLength, vocabSize: 1024, now: new Date() },
    SILENT,
  );
  for (const part of ['train', 'validation', 'test'] as const) {
    expect(made[part].length).toBe(rowsOf(data, part).length);
    expect(made[part]).toEqual(rowsOf(data, part));
  }
  expect(made.train.length).toBeGreaterThan(10);
});

test('rewards with fields of their own come back from the line', async () => {
  const bytes = new TextEncoder().encode(`nr;q;a\n${rows(40)}\n`);
  const mapping = { prompt: '{{q}}', answer: '{{a}}' };
  const options: DataOptions = {
    maxLength: 48,
    overlong: 'truncate-end',
    validation: 0,
    test: 0,
    seed: 1,
    mapping,
  };
  const slices = new Slices(() => undefined, new AbortController().signal);
  const { data } = await openData(model, { name: 'rows.csv', bytes }, options, undefined, slices);
  const rewards = [
    { name: 'exact-match', weight: 1 },
    {
      name: 'javascript',
      weight: -0.5,
      code: "function reward({ completion }) {\n  return completion.includes('\"');\n}",
    },
    { name: 'regex', weight: 0.2, pattern: '^It is, \\d+$', flags: 's', group: false },
  ];
  const line = headlessCommand({ ...RUN, objective: 'grpo', rewards }, data, model);
  expect(optionsOfFlags(new Flags(trainFlags, wordsOf(line).slice(3))).rewards).toEqual(rewards);
});

test('a run that starts from an adapter says so in its recipe, and leaves out what that adapter decides', () => {
  const options: FormSpec = { ...RUN, start: { id: 'a1', name: 'General 1' }, forgetting: true };
  const recipe = recipeOf(specOfForm(options, undefined, {}));
  expect(recipe).toMatchObject({ initAdapter: 'out/General-1', forgetting: true, steps: 10 });
  expect(Object.keys(recipe).filter((name) => /^(rank|alpha|targets|layers)/.test(name))).toEqual([]);
  expect(readRecipe(writeRecipe(recipe), 'run.json')).toEqual(recipe);
  // Without them, it is not mentioned.
  const plain = recipeOf(specOfForm(RUN, undefined, {}));
  expect(Object.keys(plain).filter((name) => /^(init|forgetting|last|train|layers)/.test(name))).toEqual([]);
  const part = recipeOf(
    specOfForm({ ...RUN, method: 'full', trainWeights: 'norms', lastLayers: 2 }, undefined, {}),
  );
  expect(part).toMatchObject({ method: 'full', trainWeights: 'norms', lastLayers: 2 });
});

test('test rows and more rows of files of their own, without the copies and with a row left out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-rows-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = async (name: string, text: string): Promise<DataFile> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return { name, path, bytes: new TextEncoder().encode(text) };
  };
  const table = (from: number, to: number): string =>
    `text,category\n${Array.from({ length: to - from }, (_, i) => `Where is ${from + i}?,c${from + i}`).join('\n')}\n`;
  const main = await file('rows.csv', table(0, 20));
  const heldOut = await file('test, held out.csv', table(15, 25));
  // A file of a known format, whatever the mapping of the others says.
  const jsonl = Array.from({ length: 6 }, (_, i) => `{"prompt":"Where is ${i}?","completion":"more ${i}"}`);
  const more = [await file('a,b.jsonl', jsonl.join('\n')), await file('c.csv', table(40, 44))];
  const options: DataOptions = {
    maxLength: 48,
    overlong: 'truncate-end',
    validation: 0.2,
    test: 0,
    seed: 5,
    mapping: { prompt: '{{text}}', answer: '{{category}}' },
    skip: [[2], [11], [], [3]],
    dropCopies: true,
  };
  const slices = new Slices(() => undefined, new AbortController().signal);
  const { data, summary } = await openData(model, main, options, { heldOut, more }, slices);
  expect(summary.rows).toMatchObject({ test: 9 });
  expect(summary.skipped.count).toBe(3);
  expect(summary.copies.count).toBe(5);
  expect(summary.leakCount).toBe(0);
  const flags = new Flags(trainFlags, wordsOf(headlessCommand(RUN, data, model)).slice(3));
  const dataOptions = readAskedRows(flags, 7);
  const made = await openRows(
    dataOptions,
    model.tokenizer,
    { maxLength: 48, vocabSize: 1024, now: new Date() },
    SILENT,
  );
  for (const part of ['train', 'validation', 'test'] as const) expect(made[part]).toEqual(rowsOf(data, part));
  expect(made.report).toMatchObject({ skipped: 3, copies: 5, repeated: 0, leaks: [], missing: [] });
  const kept = {
    ...dataOptions,
    options: { ...dataOptions.options, dropCopies: undefined, skip: [[2, 999]] },
  };
  const leaky = await openRows(
    kept,
    model.tokenizer,
    { maxLength: 48, vocabSize: 1024, now: new Date() },
    SILENT,
  );
  expect(leaky.report.leaks.length).toBeGreaterThan(0);
  expect(leaky.report.leaks[0].row.name).toBe(heldOut.path);
  expect(leaky.report.missing).toEqual([{ name: main.path, line: 999 }]);
});

test('the command reads the rows of the page for a project with judged answers, which are trained on whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-feedback-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = async (name: string, rows: readonly object[]): Promise<DataFile> => {
    const path = join(folder, name);
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    await writeFile(path, text);
    return { name, path, bytes: new TextEncoder().encode(text) };
  };
  const rowOf = (at: number): object => ({ prompt: `Where is ${at}?`, completion: `c${at}` });
  const main = await file(
    'rows.jsonl',
    Array.from({ length: 30 }, (_, at) => rowOf(at)),
  );
  const more = [
    await file('feedback.jsonl', [
      { ...rowOf(100), label: true },
      { ...rowOf(101), label: false },
    ]),
  ];
  const mixture: Mixture = {
    tasks: [
      { name: 'rows', file: 0, share: 0.5 },
      { name: 'feedback', file: 2, share: 0.5, whole: true },
    ],
    mix: 'given',
  };
  const base: DataOptions = { maxLength: 48, overlong: 'truncate-end', validation: 0.1, test: 0.2, seed: 5 };
  const slices = new Slices(() => undefined, new AbortController().signal);
  const alone = await openData(model, main, base, {}, slices);
  const { data, summary } = await openData(model, main, { ...base, mixture }, { more }, slices);
  // The test rows are those of the project, one by one.
  const promptsOf = ({ questions }: RowSet): string[] => [...itemsOf(questions)].map(({ prompt }) => prompt);
  expect(promptsOf(data)).toEqual(promptsOf(alone.data));
  expect(summary.tasks.map(({ rows: { train, test } }) => [train, test])).toEqual([
    [alone.summary.rows.train, alone.summary.rows.test],
    [2, 0],
  ]);
  // Beside judged answers the project's own are desirable.
  expect([...itemsOf(rowsOf(data, 'train'))].filter(({ desirable }) => desirable === false)).toHaveLength(1);
  expect([...itemsOf(rowsOf(data, 'train'))].filter(({ desirable }) => desirable === undefined)).toEqual([]);
  const run: FormSpec = { ...RUN, objective: 'kto', trial: true, start: { id: 'a', name: 'voice 1' } };
  const command = headlessCommand(run, data, model);
  expect(command).toContain('--train-whole feedback');
  expect(command).toContain('--init-adapter out/voice-1');
  const flags = new Flags(trainFlags, wordsOf(command).slice(3));
  const asked = readAskedRows(flags, 7);
  const made = await openRows(
    asked,
    model.tokenizer,
    { maxLength: 48, vocabSize: model.info.vocabulary, now: new Date() },
    SILENT,
  );
  for (const part of ['train', 'validation', 'test'] as const) expect(made[part]).toEqual(rowsOf(data, part));
});

test('the command reads the rows of the page for a mixture of tasks, and for only one of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-tasks-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = async (name: string, from: number, count: number): Promise<DataFile> => {
    const path = join(folder, name);
    const lines = Array.from({ length: count }, (_, i) => `Where is ${from + i}?,c${from + i}`);
    const text = `prompt,completion\n${lines.join('\n')}\n`;
    await writeFile(path, text);
    return { name, path, bytes: new TextEncoder().encode(text) };
  };
  const main = await file('a:0.5,b.csv', 0, 30);
  const heldOut = await file('test.csv', 100, 5);
  const more = [await file('more.csv', 200, 10), await file('other.csv', 300, 40)];
  const tasks = [
    { name: 'first, of all', file: 0 },
    { name: 'second', file: 3 },
  ];
  const sorted = (some: readonly PreparedRow[]): PreparedRow[] =>
    some.toSorted((a, b) => (a.task?.name ?? '').localeCompare(b.task?.name ?? ''));
  const base: DataOptions = { maxLength: 48, overlong: 'truncate-end', validation: 0.1, test: 0.2, seed: 5 };
  const slices = new Slices(() => undefined, new AbortController().signal);
  const repeated = async (run: FormSpec, data: RowSet, first: DataFile): Promise<SplitRows> => {
    const flags = new Flags(trainFlags, wordsOf(headlessCommand(run, data, model)).slice(3));
    const asked = readAskedRows(flags, 7);
    expect(asked.file).toBe(first.path);
    return openRows(asked, model.tokenizer, { maxLength: 48, vocabSize: 1024, now: new Date() }, SILENT);
  };
  for (const mixture of [
    { tasks, mix: 'temperature', temperature: 3, cap: 20 },
    { tasks: tasks.map((task, at) => ({ ...task, share: [0.25, 0.75][at] })), mix: 'given' },
  ] satisfies Mixture[]) {
    const { data, summary } = await openData(model, main, { ...base, mixture }, { heldOut, more }, slices);
    // The file of test rows, and a fifth of the other task.
    expect(summary.rows.test).toBe(5 + 8);
    const made = await repeated(RUN, data, main);
    for (const part of ['train', 'validation', 'test'] as const) {
      const own = [...itemsOf(rowsOf(data, part))];
      const named = own.map(({ task, ...row }) => ({
        ...row,
        task: task && { ...task, name: task.name.replace(',', '-') },
      }));
      // Files of more rows stand behind those of tasks in the command: each task has its rows in one order all the same.
      expect(sorted(made[part] as readonly PreparedRow[])).toEqual(sorted(named));
    }
    if (mixture.cap !== undefined) continue;
    const alone = await repeated({ ...RUN, task: 'second' }, data, more[1]);
    const unnamed = (part: 'train' | 'validation'): unknown[] =>
      [...itemsOf(rowsOf(onlyTask(data, 'second'), part))].map(({ task: _, ...row }) => row);
    expect(alone.train).toEqual(unnamed('train'));
    expect(alone.validation).toEqual(unnamed('validation'));
    expect(alone.test.length).toBe(8);
  }
});

test.each<[string, WeightChoices | undefined, string | undefined, string | undefined]>([
  ['nothing where it is as in the file', undefined, undefined, undefined],
  ['nothing where that was chosen', { matrices: 'stored' }, undefined, undefined],
  ['the matrices', { matrices: 'nf4' }, 'nf4', undefined],
  ['the embeddings too', { matrices: 'stored', embeddings: 'q8_0' }, 'stored', 'q8_0'],
])('the base is held alike: %s', async (_, baseWeights, matrices, embeddings) => {
  const held = { ...model, source: { ...model.source, baseWeights } };
  const data = { name: 'rows.jsonl' } as RowSet;
  const flags = new Flags(trainFlags, wordsOf(headlessCommand(RUN, data, held)).slice(3));
  expect(flags.text('base-weights')).toBe(matrices);
  expect(flags.text('embedding-weights')).toBe(embeddings);
  expect(readWeightChoices(flags)).toEqual({ matrices: matrices ?? 'stored', embeddings });
});

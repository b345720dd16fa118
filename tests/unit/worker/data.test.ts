import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import type { DataOptions, RunOptions } from '../../../src/worker/api.ts';
import { openData, preview, restoredData, rowsOf, storedRows } from '../../../src/worker/data.ts';
import { folderOfFiles, type OpenModel } from '../../../src/worker/model.ts';
import { promptIds, questionsOf } from '../../../src/worker/questions.ts';
import { checkRun, headlessCommand } from '../../../src/worker/run-options.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
let model: OpenModel;

beforeAll(async () => {
  const files = memoryFiles(
    Object.fromEntries(
      ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'].map((name) => [
        name,
        new Uint8Array(readFileSync(join(SPRIG, name))),
      ]),
    ),
  );
  model = {
    tokenizer: await loadTokenizer(files),
    info: { name: 'sprig', maxPositions: 512, vocabulary: 1024, precision: 'f32' },
    fingerprint: 'abc',
    source: { name: 'sprig', bundled: true },
  } as unknown as OpenModel;
});

const OPTIONS: DataOptions = { maxLength: 32, overlong: 'truncate-end', validation: 0.2, test: 0.2, seed: 1 };

const chatRow = (user: string, assistant: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ],
  });

const file = (name: string, lines: readonly string[]): { name: string; bytes: Uint8Array<ArrayBuffer> } => ({
  name,
  bytes: new TextEncoder().encode(lines.join('\n')),
});

const ten = file('ten.jsonl', [
  ...Array.from({ length: 9 }, (_, i) => chatRow(`Question ${i}`, `Answer ${i}`)),
  '{"broken"',
  chatRow('A long one', 'word '.repeat(60)),
]);

test('rows are split by fractions, and what did not go straight through is told', () => {
  const { data, summary } = openData(model, ten, OPTIONS, undefined);
  expect(summary.rows).toEqual({ train: 6, validation: 2, test: 2 });
  expect(summary.format).toBe('messages');
  expect(summary.problems).toMatchObject([{ line: 10 }]);
  expect(summary.problemCount).toBe(1);
  expect(summary.cut).toEqual([11]);
  expect(summary.longest).toBe(32);
  expect(data.questions).toHaveLength(2);
  expect(openData(model, ten, OPTIONS, undefined).data.places).toEqual(data.places);
});

test('a held-out file is the test part, whole', () => {
  const held = file('held.jsonl', [chatRow('Held out?', 'Yes.'), 'nonsense']);
  const { data, summary } = openData(model, ten, OPTIONS, held);
  expect(summary.rows).toEqual({ train: 8, validation: 2, test: 1 });
  expect(summary.problems.at(-1)?.reason).toMatch(/^held\.jsonl: /);
  expect(summary.problemCount).toBe(2);
  expect(data.questions).toEqual([
    { prompt: 'Held out?', expected: 'Yes.', ask: [{ role: 'user', content: 'Held out?' }] },
  ]);
  expect(preview(data, 10, model.tokenizer)).toMatchObject({ line: 1, part: 'test' });
});

test('a preview shows what the limit cuts', () => {
  const { data } = openData(model, ten, OPTIONS, undefined);
  const { tokens } = preview(data, 9, model.tokenizer);
  expect(tokens.length).toBeGreaterThan(32);
  expect(tokens.filter(({ cut }) => !cut)).toHaveLength(32);
  expect(tokens[0]).toMatchObject({ text: '<|im_start|>', special: true, supervised: false, cut: false });
  for (const index of [-1, 10, 0.5, NaN])
    expect(() => preview(data, index, model.tokenizer)).toThrow(/There is no row/);
});

test('after a reload the rows and the questions are the same', () => {
  const { data } = openData(model, ten, OPTIONS, undefined);
  const back = restoredData(data.name, 'abc', structuredClone(storedRows(data)));
  for (const part of ['train', 'validation', 'test'] as const)
    expect(rowsOf(back, part)).toEqual(rowsOf(data, part));
  expect(back.questions).toEqual(data.questions);
  expect(preview(back, 0, model.tokenizer).tokens.length).toBeGreaterThan(5);
});

test('a file without a usable row says why, and too long a length is refused', () => {
  expect(() => openData(model, file('x.jsonl', ['{"a": 1}']), OPTIONS, undefined)).toThrow(
    /x\.jsonl has no row that can be used; line 1: no known fields/,
  );
  expect(() => openData(model, ten, { ...OPTIONS, maxLength: 1024 }, undefined)).toThrow(/at most 512/);
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
  expect(model.tokenizer.decode(promptIds(questions[1], model.tokenizer))).toBe('Three is ');
  expect(model.tokenizer.decode(promptIds(questions[0], model.tokenizer))).toMatch(/Two\?.*assistant\n$/s);
});

const RUN: RunOptions = {
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
  checkpointing: false,
  evalEvery: 5,
  patience: 0,
  sampleEvery: 5,
  samplePrompt: 'Who?',
};

test('a run that cannot work is refused before anything is compiled', () => {
  const { data } = openData(model, ten, OPTIONS, undefined);
  const check =
    (change: Partial<RunOptions>, of = data) =>
    () =>
      checkRun({ ...RUN, ...change }, of, model);
  expect(check({})).not.toThrow();
  expect(check({ lr: 0 })).toThrow(/The setting lr is 0/);
  expect(check({ maxLength: 16 })).toThrow(/longest row has 32/);
  expect(check({ sampleEvery: -1 })).toThrow(/sampleEvery/);
  expect(check({ samplePrompt: 'word '.repeat(500) })).toThrow(/sample prompt has \d+ tokens/);
  const { data: unsplit } = openData(model, ten, { ...OPTIONS, validation: 0 }, undefined);
  expect(check({}, unsplit)).toThrow(/no rows are held out for validation/);
  expect(check({}, { ...data, modelFingerprint: 'other' })).toThrow(/another model/);
});

test('a run can be told as a command', () => {
  const { data } = openData(model, { ...ten, name: 'my rows.jsonl' }, OPTIONS, undefined);
  const command = headlessCommand(RUN, data, model);
  expect(command).toMatch(
    /^graft train --model public\/models\/sprig --data 'my rows\.jsonl' --out out\/The-captain-s /,
  );
  expect(command).toContain('--targets q_proj,v_proj --rslora --lr-ratio 1');
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
  expect(folderOfFiles('m', [], 'config.json').list()).toEqual([]);
});

/** The command that the studio shows repeats the run: the same rows, in the same parts. */
import { execFileSync } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { Flags } from '../../../src/cli/flags.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { makeRunRows } from '../../../src/cli/train-data.ts';
import { readDataOptions, readTrainOptions, trainFlags } from '../../../src/cli/train-flags.ts';
import { readExamples } from '../../../src/data/formats.ts';
import { readWeightChoices } from '../../../src/cli/session.ts';
import type { BaseWeights, DataOptions, RunOptions } from '../../../src/worker/api.ts';
import { rowsOf, type DataSet } from '../../../src/worker/data.ts';
import type { OpenModel } from '../../../src/worker/model.ts';
import { openData } from '../../../src/worker/open-data.ts';
import { headlessCommand } from '../../../src/worker/run-options.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { openSprig } from './open-sprig.ts';

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

const RUN: RunOptions = {
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
  checkpointing: false,
  evalEvery: 5,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};

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
  const { data } = await openData(model, { name: "Ann's rows.csv", bytes }, options, undefined, slices);

  const [npx, graft, train, ...args] = wordsOf(headlessCommand(RUN, data, model));
  expect([npx, graft, train]).toEqual(['npx', 'graft', 'train']);
  const flags = new Flags(trainFlags, args);
  const asked = readTrainOptions(flags);
  const dataOptions = readDataOptions(flags, asked.seed);
  expect(dataOptions.read.fileName).toBe("Ann's rows.csv");
  const made = makeRunRows(
    readExamples(bytes, dataOptions.read),
    model.tokenizer,
    { maxLength: asked.maxLength, vocabSize: 1024, now: new Date() },
    dataOptions,
    createOutput(),
  );
  for (const part of ['train', 'validation', 'test'] as const) {
    expect(made[part].length).toBe(rowsOf(data, part).length);
    expect(made[part]).toEqual(rowsOf(data, part));
  }
  expect(made.train.length).toBeGreaterThan(10);
});

test.each<[string, BaseWeights | undefined, string | undefined, string | undefined]>([
  ['nothing where it is as in the file', undefined, undefined, undefined],
  ['nothing where that was chosen', { matrices: 'stored' }, undefined, undefined],
  ['the matrices', { matrices: 'nf4' }, 'nf4', undefined],
  ['the embeddings too', { matrices: 'stored', embeddings: 'q8_0' }, 'stored', 'q8_0'],
])('the base is held alike: %s', async (_, baseWeights, matrices, embeddings) => {
  const held = { ...model, source: { ...model.source, baseWeights } };
  const data = { name: 'rows.jsonl' } as DataSet;
  const flags = new Flags(trainFlags, wordsOf(headlessCommand(RUN, data, held)).slice(3));
  expect(flags.text('base-weights')).toBe(matrices);
  expect(flags.text('embedding-weights')).toBe(embeddings);
  expect(readWeightChoices(flags)).toEqual({ matrices: matrices ?? 'stored', embeddings });
});

/** The bundled data sets: the page does not check their list, so this test does. */
import { existsSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { schedules } from '../../../src/train/schedule.ts';
import { OBJECTIVES } from '../../../src/objectives/registry.ts';
import { rewardsProblem } from '../../../src/scorers/rewards/specs.ts';
import { firstExamples } from '../../../src/app/start/examples.ts';
import { samplePartsOf, sampleSplit } from '../../../src/app/start/sample-parts.ts';
import { splitExamples } from '../../../src/data/split.ts';

const folder = new URL('../../../public/samples/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

const text = v.pipe(v.string(), v.minLength(1));
const positive = v.pipe(v.number(), v.gtValue(0));
const Sample = v.strictObject({
  id: text,
  title: text,
  description: text,
  task: text,
  success: text,
  train: text,
  test: text,
  rows: positive,
  testRows: positive,
  metric: v.picklist(['exact', 'none']),
  documents: v.optional(text),
  template: v.optional(text),
  settings: v.strictObject({
    steps: positive,
    batch: positive,
    lr: positive,
    rank: positive,
    alpha: positive,
    maxLength: positive,
    forgetting: v.optional(v.boolean()),
    objective: v.optional(v.picklist(OBJECTIVES.map(({ name }) => name))),
    rewards: v.optional(v.custom((value) => rewardsProblem(value) === undefined)),
    accumulate: v.optional(positive),
    numGenerations: v.optional(positive),
    maxCompletionLength: v.optional(positive),
    temperature: v.optional(positive),
    numIterations: v.optional(positive),
    schedule: v.optional(v.picklist(schedules)),
  }),
});

const samples = v.parse(v.array(Sample), JSON.parse(read('index.json')));

test('there are some, each with an id of its own', () => {
  expect(samples.length).toBeGreaterThan(0);
  expect(new Set(samples.map(({ id }) => id)).size).toBe(samples.length);
});

test.each(samples)('$id has the rows that the list says, each with a question and an answer', (sample) => {
  for (const [name, rows] of [
    [sample.train, sample.rows],
    [sample.test, sample.testRows],
  ] as const) {
    expect(existsSync(new URL(name, folder))).toBe(true);
    expect(firstExamples(read(name), Infinity)).toHaveLength(rows);
  }
});

test.each(samples)('$id says of its rows how many are trained on and how many check the run', (sample) => {
  const { train, validation } = samplePartsOf(sample);
  const split = splitExamples(sample.rows, sampleSplit(sample));
  expect([train, validation]).toEqual([split.train.length, split.validation.length]);
  expect(validation).toBeGreaterThan(0);
  expect(train).toBeLessThan(sample.rows);
});

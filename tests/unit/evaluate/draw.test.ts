/** Rows are drawn by a seed, and labels in their share, on real and on small data. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { areLabels, drawOrder, drawQuestions, labelCounts, type Drawn } from '../../../src/evaluate/draw.ts';
import type { DataFile, DataOptions } from '../../../src/worker/api.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import { itemOf, itemsOf } from '../../../src/lists.ts';
import type { OpenModel } from '../../../src/worker/model.ts';
import { openData } from '../../../src/data/open-data.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { openSprig } from '../worker/open-sprig.ts';

const SEED = 42;

let model: OpenModel;
beforeAll(async () => {
  model = await openSprig();
});

/** How often each answer occurs in the sample. */
function counts(answers: readonly string[], drawn: readonly number[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const at of drawn) found.set(answers[at], (found.get(answers[at]) ?? 0) + 1);
  return found;
}

describe('a sample', () => {
  /** 90 of one label and 10 of the other, sorted, as files often are. */
  const skewed = [...Array<string>(90).fill('no'), ...Array<string>(10).fill('yes')];

  test('is the same for a seed, another for another, and has each row once', () => {
    const order = drawOrder(skewed, SEED);
    expect(drawOrder(skewed, SEED)).toEqual(order);
    expect(drawOrder(skewed, SEED + 1)).not.toEqual(order);
    expect([...order].sort((a, b) => a - b)).toEqual([...skewed.keys()]);
  });

  test('has each label in proportion, whatever its size', () => {
    const order = drawOrder(skewed, SEED);
    for (const size of [10, 20, 50]) {
      const yes = counts(skewed, order.slice(0, size)).get('yes') ?? 0;
      expect(Math.abs(yes - size / 10)).toBeLessThanOrEqual(1);
    }
    expect(labelCounts(skewed, order.slice(0, 100))).toEqual({ drawn: 2, of: 2, least: 10, most: 90 });
  });

  test('is random for free text, and reports no labels', () => {
    const texts = Array.from({ length: 50 }, (_, i) => `An answer of its own, ${i}`);
    const order = drawOrder(texts, SEED);
    expect(order).not.toEqual([...texts.keys()]);
    expect([...order].sort((a, b) => a - b)).toEqual([...texts.keys()]);
    expect(labelCounts(texts, order.slice(0, 10))).toBeUndefined();
  });

  test.each([
    [[], false],
    [['a'], false],
    [['a', 'a', 'a', 'a'], false],
    [['a', 'b'], false],
    [['a', 'b ', 'a', ' b'], true],
    [['a', 'a', 'b', 'c'], false],
  ])('%j: labels %s', (answers, labels) => {
    expect(areLabels(new Set(answers.map((answer) => answer.trim())).size, answers.length)).toBe(labels);
  });
});

const draw = ({ questions }: RowSet, rows: number, seed: number): Drawn =>
  drawQuestions(questions, { rows, seed }, model.tokenizer, model.info.maxPositions);

describe('questions', () => {
  const options: DataOptions = { maxLength: 512, overlong: 'drop', validation: 0, test: 0.5, seed: 7 };
  const open = async (lines: readonly object[]): Promise<RowSet> => {
    const bytes = new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join('\n'));
    const slices = new Slices(() => undefined, new AbortController().signal);
    return (await openData(model, { name: 'rows.jsonl', bytes }, options, undefined, slices)).data;
  };

  test('are drawn by the seed of the split: a larger sample includes a smaller one, and the rest is reported', async () => {
    const rows = Array.from({ length: 80 }, (_, i) => ({ prompt: `Say ${i}`, completion: `${i % 4}` }));
    const data = await open(rows);
    const few = draw(data, 8, options.seed);
    const more = draw(data, 16, options.seed);
    expect(few.chosen).toHaveLength(8);
    expect(more.chosen.slice(0, 8)).toEqual(few.chosen);
    expect(few.chosen).not.toEqual([...few.chosen].sort((a, b) => a - b));
    expect(few.draw).toMatchObject({ seed: 7, of: 40, tooLong: 0, labels: { drawn: 4, of: 4 } });
    // The base's answers are kept for the longest allowed answer.
    expect(more.newTokens).toBe(few.newTokens);
    expect(draw(data, 1000, options.seed).chosen).toHaveLength(40);
  });

  test('are skipped and counted if they leave no room for an answer', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      prompt: i % 2 ? `Say ${i}` : `Say ${i} ${'owl '.repeat(440)}`,
      completion: `It is ${i}`,
    }));
    const data = await open(rows);
    const { chosen, draw: told } = draw(data, 1000, options.seed);
    expect(chosen.length + told.tooLong).toBe(data.questions.length);
    expect(told.tooLong).toBeGreaterThan(0);
    expect(chosen.every((at) => !itemOf(data.questions, at).prompt.includes('owl'))).toBe(true);
  });
});

describeShared('banking77, sorted by its 77 labels', () => {
  test('the first 20 rows had one label; 20 drawn ones have 20, and every 77 more have each once more', async () => {
    const file = (name: string): DataFile => ({
      name,
      bytes: new Uint8Array(readFileSync(sharedPath('datasets', name))),
    });
    const options: DataOptions = {
      mapping: { prompt: '{{text}}', answer: '{{category}}' },
      maxLength: 512,
      overlong: 'truncate-end',
      validation: 0,
      test: 0,
      seed: SEED,
    };
    const test77 = file('banking77_test.csv');
    const slices = new Slices(() => undefined, new AbortController().signal);
    // The test file as the test part, as a person opens it. Training needs a row or two only.
    const head = new TextEncoder().encode(
      'text,category\nWhere is my card?,card_arrival\nA top-up failed,top_up_failed',
    );
    const { data } = await openData(
      model,
      { name: 'head.csv', bytes: head },
      options,
      { heldOut: test77 },
      slices,
    );
    expect(data.questions).toHaveLength(3080);
    const answers = [...itemsOf(data.questions)].map(({ expected }) => expected);
    expect(new Set(answers.slice(0, 20)).size).toBe(1);

    const { chosen, draw: told } = draw(data, 616, SEED);
    expect(told).toEqual({
      seed: SEED,
      of: 3080,
      tooLong: 0,
      labels: { drawn: 77, of: 77, least: 8, most: 8 },
    });
    expect(draw(data, 20, SEED).draw.labels).toEqual({ drawn: 20, of: 77, least: 1, most: 1 });
    expect(labelCounts(answers, chosen.slice(0, 77))).toEqual({ drawn: 77, of: 77, least: 1, most: 1 });
  });
});

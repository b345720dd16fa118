/** Rows are drawn by a seed, and labels in their share, on real and on small data. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  areLabels,
  drawAmong,
  DrawnFrom,
  drawOrder,
  drawQuestions,
  labelCounts,
  type Drawn,
  type ReservedRows,
} from '../../../src/evaluate/draw.ts';
import type { DataFile, DataOptions } from '../../../src/worker/api.ts';
import type { RowSet } from '../../../src/data/row-set.ts';
import { itemOf, itemsOf } from '../../../src/lists.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
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

describe('reserved rows', () => {
  const questions = (answers: readonly string[], prompts = answers.map((_, i) => `Say ${i}`)) =>
    answers.map((expected, i) => ({ prompt: prompts[i], ask: prompts[i], expected }));
  const reserving = (
    asked: ReturnType<typeof questions>,
    reserve: ReservedRows | undefined,
    rows = 1000,
  ): Drawn => {
    const from = new DrawnFrom(model.tokenizer, { mayReserve: true });
    for (const question of asked) from.add(question);
    return drawAmong(
      from,
      (at) => asked[at],
      { rows, seed: SEED, reserve },
      model.tokenizer,
      model.info.maxPositions,
    );
  };
  /** Five of each of four labels, sorted. */
  const labels = Array.from({ length: 20 }, (_, i) => `label ${Math.floor(i / 5)}`);

  test('have each label, are not asked, and change no row that is asked', () => {
    const asked = questions(labels);
    const { chosen, reserved, draw: told } = reserving(asked, { counts: [4], most: 19 });
    expect(new Set(reserved?.examples.map((at) => asked[at].expected)).size).toBe(4);
    expect(reserved?.kept).toEqual(new Set(reserved?.examples));
    expect(told.of).toBe(16);
    expect([...chosen, ...(reserved?.examples ?? [])].sort((a, b) => a - b)).toEqual([...asked.keys()]);
    expect(chosen).toEqual(reserving(asked, undefined).chosen.filter((at) => !reserved?.kept.has(at)));
    expect(reserving(asked, { counts: [4], most: 19 }, 8).chosen).toEqual(
      reserving(asked, undefined, 8).chosen,
    );
  });

  test('take the rows with their prompts along', () => {
    const asked = questions(
      labels,
      labels.map((_, i) => `Say ${i % 10}`),
    );
    const { chosen, reserved } = reserving(asked, { counts: [3], most: 19 });
    expect(reserved?.examples).toHaveLength(3);
    expect(reserved?.kept.size).toBe(6);
    const shown = new Set(reserved?.examples.map((at) => asked[at].prompt));
    expect(chosen).toHaveLength(14);
    expect(chosen.filter((at) => shown.has(asked[at].prompt))).toEqual([]);
  });

  test('are as many as leave a row to ask, and none if that is impossible', () => {
    const asked = questions(['a', 'b', 'c']);
    expect(reserving(asked, { counts: [1, 3], most: 2 }).reserved?.examples).toHaveLength(1);
    const none = reserving(asked, { counts: [3], most: 2 });
    expect(none.reserved).toBeUndefined();
    expect(none.chosen).toHaveLength(3);
  });

  test('leave room for an answer', () => {
    const asked = questions(
      Array.from({ length: 12 }, (_, i) => `It is ${i}`),
      Array.from({ length: 12 }, (_, i) => (i % 2 ? `Say ${i}` : `Say ${i} ${'owl '.repeat(600)}`)),
    );
    const { reserved } = reserving(asked, { counts: [5], most: 11 });
    expect(reserved?.examples).toHaveLength(5);
    expect(reserved?.examples.every((at) => at % 2 === 1)).toBe(true);
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

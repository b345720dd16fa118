/** The task card that a sample fills. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { suitedTexts, TaskState, type SampleTask } from '../../../src/app/task/task.svelte.ts';
import { cardOf } from '../../../src/app/task/card.ts';
import { withoutSvelte } from './runes.ts';

beforeAll(withoutSvelte);

const samples = JSON.parse(
  readFileSync(new URL('../../../public/samples/index.json', import.meta.url), 'utf8'),
) as SampleTask[];
const [captain, orders] = samples;
const none = { title: '', success: '' };
const textsOf = ({ task, success }: SampleTask): object => ({ title: task, success });

test('every sample says what its task is and how it will be judged', () => {
  expect(samples.length).toBe(7);
  for (const { task, success } of samples) {
    expect(task).not.toBe('');
    expect(task.length).toBeLessThanOrEqual(80);
    expect(success).toMatch(/\.$/);
  }
});

test('a sample fills the card, another one replaces its texts, and other rows clear it', () => {
  const first = suitedTexts(none, captain, samples);
  expect(first).toEqual(textsOf(captain));
  expect(suitedTexts(first, orders, samples)).toEqual(textsOf(orders));
  expect(suitedTexts(first, undefined, samples)).toEqual(none);
});

test('the texts that a person wrote stay', () => {
  const own = { title: 'Sort tickets', success: '' };
  expect(suitedTexts(own, captain, samples)).toEqual({ title: 'Sort tickets', success: captain.success });
  expect(suitedTexts(own, undefined, samples)).toEqual(own);
});

test('a project of an earlier version opens with its two texts, and the score that they name counts', () => {
  const task = new TaskState();
  task.load({ title: 'Sort tickets', success: 'Nine of ten get the right team.' });
  expect(task.kept).toEqual({ title: 'Sort tickets', success: 'Nine of ten get the right team.' });
  expect(cardOf(task)).toEqual({ goal: 'Sort tickets', metric: 'exact-match', target: 'Nine of ten' });
});

test('the card comes back as it was kept, and what it cannot be is left out', () => {
  const task = new TaskState();
  const kept = { title: 'T', success: '', kind: 'extraction', metric: 'valid-json', target: '90%' };
  task.load(kept);
  expect(task.kept).toEqual(kept);
  task.load({ title: 3, kind: 4, metric: [], target: {} });
  expect(task.kept).toEqual({ title: '', success: '' });
  expect(cardOf(task)).toBeUndefined();
});

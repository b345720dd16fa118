/** The task card that a sample fills. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { suitedTexts, type SampleTask } from '../../../src/app/state/task.svelte.ts';

const samples = JSON.parse(
  readFileSync(new URL('../../../public/samples/index.json', import.meta.url), 'utf8'),
) as SampleTask[];
const [captain, orders] = samples;
const none = { title: '', success: '' };
const textsOf = ({ task, success }: SampleTask): object => ({ title: task, success });

test('every sample says what its task is and how it will be judged', () => {
  expect(samples.length).toBe(5);
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

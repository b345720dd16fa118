/** The rows that Sprig was made for, and rows that it cannot spell. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toyWarning } from '../../../src/app/task/toy.ts';
import { fitOf } from '../../../src/data/fit.ts';
import { openData } from '../../../src/data/open-data.ts';
import { Slices } from '../../../src/worker/slices.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { openSprig } from '../worker/open-sprig.ts';

const OPTIONS = { maxLength: 512, overlong: 'truncate-end', validation: 0.1, test: 0, seed: 1 } as const;

async function tokensPerWord(
  path: string | URL,
  name: string,
  mapping?: { prompt: string; answer: string },
): Promise<number> {
  const model = await openSprig();
  const file = { name, bytes: new Uint8Array(readFileSync(path)) };
  const slices = new Slices(() => undefined, new AbortController().signal);
  const { data } = await openData(
    model,
    file,
    { ...OPTIONS, ...(mapping && { mapping }) },
    undefined,
    slices,
  );
  return fitOf(data, model.tokenizer)!.tokensPerWord;
}

test.each([
  ...['voice', 'orders-json', 'detail', 'lists', 'chat-log'].map((sample) => `${sample}/train.jsonl`),
  ...['more/log.txt', 'more/pairs.jsonl', 'more/votes.jsonl'],
])('%s is spelled in few pieces', async (sample) => {
  const path = new URL(`../../../public/samples/${sample}`, import.meta.url);
  const found = await tokensPerWord(path, sample);
  expect(toyWarning({ tokensPerWord: found, longest: 60, positions: 512 }), String(found)).toBeUndefined();
});

test('general English is not', async () => {
  const path = new URL('../../../public/texts/general.txt', import.meta.url);
  const found = await tokensPerWord(path, 'general.txt');
  expect(toyWarning({ tokensPerWord: found, longest: 60, positions: 512 }), String(found)).toMatch(
    /in 2\.\d/,
  );
});

describeShared('rows of other people', () => {
  test.each([
    ['banking77_test.csv', { prompt: '{{text}}', answer: '{{category}}' }],
    ['gsm8k_test.jsonl', { prompt: '{{question}}', answer: '{{answer}}' }],
  ])('%s is not', async (name, mapping) => {
    const found = await tokensPerWord(sharedPath('datasets', name), name, mapping);
    expect(toyWarning({ tokensPerWord: found, longest: 60, positions: 512 }), String(found)).toMatch(
      /in [\d.]+ tokens/,
    );
  });
});

test('rows beyond its positions are reported', () => {
  expect(toyWarning({ tokensPerWord: 1.5, longest: 3197, positions: 512 })).toMatch(
    /a row has 3,197 tokens, and its context is 512/,
  );
});

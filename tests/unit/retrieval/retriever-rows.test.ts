import { expect, test } from 'vitest';
import { makeRetrieverRows, retrieverLines } from '../../../src/retrieval/retriever-rows.ts';

const TEXTS = [
  'Sow beans in May.',
  'in May. Then water.',
  'Sow beans in May.',
  'Kale is hardy.',
  'Peas climb.',
];
/** The first two share some characters, and the third is a copy of the first in another file. */
const chunks = TEXTS.map((text, at) => ({
  ...{ id: `c${at}`, file: at < 2 ? 'beans.md' : `other-${at}.md`, page: null, text },
  start: at === 1 ? 10 : 0,
  end: at === 1 ? 29 : text.length,
}));
const beans = { id: 'b', text: 'When?', passages: [{ doc: 'beans.md', start: 0, end: 17 }] };
/** The first chunks of the index, whatever is asked. */
const rank = (texts: readonly string[], max: number): Promise<number[][]> =>
  Promise.resolve(texts.map(() => chunks.map((_, at) => at).slice(0, max)));

test('hard negatives are the best chunks that share nothing with a passage, nor its text', async () => {
  const { rows, leftOut } = await makeRetrieverRows([beans], { chunks, rank }, 2);
  expect(leftOut).toEqual([]);
  expect(rows).toMatchObject([{ positive: 0, negatives: [3, 4] }]);
  expect(JSON.parse(retrieverLines(rows, chunks))).toEqual({
    ...{ id: 'b', query: 'When?', positive: TEXTS[0], negative: [TEXTS[3], TEXTS[4]] },
    chunks: ['c0', 'c3', 'c4'],
  });
});

test('a question without a passage is passed over, and one whose passage the index lacks is named', async () => {
  const none = { id: 'n', text: 'Who?', passages: [] };
  const lost = { id: 'l', text: 'What?', passages: [{ doc: 'kale.md', start: 0, end: 4 }] };
  const { rows, leftOut } = await makeRetrieverRows([none, lost, beans], { chunks, rank }, 0);
  expect(rows).toMatchObject([{ question: { id: 'b' }, negatives: [] }]);
  expect(leftOut.map(({ id }) => id)).toEqual(['l']);
});

/** Always gives the answer that is most frequent in training. */
import { wholeNumbers } from '../../data/number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../../data/row-hashes.ts';
import { changed, itemOf, itemsOf, type List } from '../../lists.ts';
import { percent } from '../../numbers.ts';
import type { Method } from './method.ts';

const MAX_CHARS = 40;

export const frequent: Method = {
  name: 'frequent',
  title: 'Most frequent answer',
  help: 'always the answer that is most frequent in training',
  term: 'majority',
  kind: 'rule',
  noun: 'the most frequent answer',
  what: ({ answer = '', share = 0 }) =>
    `always “${answer.length > MAX_CHARS ? `${answer.slice(0, MAX_CHARS)}…` : answer}”, ${percent(share)} of training`,
  doing: () => 'always giving the most frequent answer',
  answer({ train, asked }) {
    const found = mostFrequent(changed(train, ({ question }) => question.expected));
    return Promise.resolve(
      found && {
        answers: asked.map(() => ({ text: found.answer })),
        detail: { answer: found.answer, share: found.count / train.length },
      },
    );
  },
};

interface Frequent {
  readonly answer: string;
  /** How many of the answers it is. */
  readonly count: number;
}

/** The most frequent answer, the first of equals, ignoring white space at the ends; undefined if no answer occurs twice. */
export function mostFrequent(answers: List<string>): Frequent | undefined {
  const distinct = new DistinctHashes();
  const counts = wholeNumbers();
  const firsts = wholeNumbers();
  let at = 0;
  for (const answer of itemsOf(answers)) {
    const number = distinct.add(hashesOfTexts(answer.trim()));
    if (number === counts.length) {
      counts.push(0);
      firsts.push(at);
    }
    counts.all[number]++;
    at++;
  }
  let best: { readonly first: number; readonly count: number } | undefined;
  counts.all.forEach((count, number) => {
    if (count > (best?.count ?? 1)) best = { first: firsts.at(number), count };
  });
  return best && { answer: itemOf(answers, best.first).trim(), count: best.count };
}

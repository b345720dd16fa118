/** Always gives the answer that is most frequent in training. */
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
    const found = mostFrequent(train.map(({ question }) => question.expected));
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
export function mostFrequent(answers: readonly string[]): Frequent | undefined {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer.trim(), (counts.get(answer.trim()) ?? 0) + 1);
  let best: Frequent | undefined;
  for (const [answer, count] of counts) if (count > (best?.count ?? 1)) best = { answer, count };
  return best;
}

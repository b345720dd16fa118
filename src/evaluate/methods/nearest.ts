/** Copies the answer of the training row that shares most words with the question. */
import type { Evidence } from '../record.ts';
import type { Method } from './method.ts';

export const nearestRow: Method = {
  name: 'nearest',
  title: 'Nearest row',
  help: 'the answer of the training row that shares most words with the question',
  term: 'nearest',
  kind: 'rule',
  noun: 'the nearest row',
  what: () => 'copies the answer of the most similar training row',
  doing: () => 'copying the nearest row',
  async answer({ train, asked, each }) {
    if (train.length === 0) return undefined;
    const find = nearest(train.map(({ question }) => question.prompt));
    const answers: Evidence[] = [];
    await each(asked, ({ question }) =>
      answers.push({ text: train[find(question.prompt)].question.expected }),
    );
    return { answers };
  },
};

const wordsOf = (text: string): Set<string> =>
  new Set(
    text
      .toLowerCase()
      .normalize('NFKC')
      .match(/[\p{L}\p{N}]+/gu) ?? [],
  );

/**
 * Finds the known texts that are nearest to another one: by the cosine of their words, where a rare word weighs more (its inverse document
 * frequency).
 *
 * @param known at least one
 * @returns gives as many indices as are wanted, the nearest first and the first of equals before others; texts that share no word come last
 */
export function nearestFirst(known: readonly string[]): (text: string, many: number) => number[] {
  const sets = known.map(wordsOf);
  const places = new Map<string, number[]>();
  sets.forEach((words, at) => {
    for (const word of words) {
      const list = places.get(word);
      if (list) list.push(at);
      else places.set(word, [at]);
    }
  });
  const weight = (word: string): number => Math.log(1 + known.length / (places.get(word)?.length ?? 1));
  const norms = sets.map((words) => Math.sqrt([...words].reduce((sum, word) => sum + weight(word) ** 2, 0)));
  return (text, many) => {
    const scores = new Map<number, number>();
    for (const word of wordsOf(text))
      for (const at of places.get(word) ?? [])
        scores.set(at, (scores.get(at) ?? 0) + weight(word) ** 2 / norms[at]);
    const found = [...scores]
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, many)
      .map(([at]) => at);
    for (let at = 0; found.length < Math.min(many, known.length); at++) if (!scores.has(at)) found.push(at);
    return found;
  };
}

/** The nearest alone, as {@link nearestFirst}. */
export function nearest(known: readonly string[]): (text: string) => number {
  const find = nearestFirst(known);
  return (text) => find(text, 1)[0];
}

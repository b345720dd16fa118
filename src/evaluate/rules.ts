/** Methods that need no model: what a tuned one has to beat before it has learned anything. */

export interface Frequent {
  readonly answer: string;
  /** How many of the answers it is. */
  readonly count: number;
}

/** The most frequent answer, the first of equals, white space at the ends aside; undefined where none is there twice. */
export function mostFrequent(answers: readonly string[]): Frequent | undefined {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer.trim(), (counts.get(answer.trim()) ?? 0) + 1);
  let best: Frequent | undefined;
  for (const [answer, count] of counts) if (count > (best?.count ?? 1)) best = { answer, count };
  return best;
}

const wordsOf = (text: string): Set<string> =>
  new Set(
    text
      .toLowerCase()
      .normalize('NFKC')
      .match(/[\p{L}\p{N}]+/gu) ?? [],
  );

/**
 * Finds the known text that is nearest to another one: by the cosine of their words, where a rare word weighs more (its inverse document
 * frequency).
 *
 * @param known at least one
 * @returns gives the index of the nearest, the first of equals; the first of all where no word is shared
 */
export function nearest(known: readonly string[]): (text: string) => number {
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
  return (text) => {
    const scores = new Map<number, number>();
    for (const word of wordsOf(text))
      for (const at of places.get(word) ?? [])
        scores.set(at, (scores.get(at) ?? 0) + weight(word) ** 2 / norms[at]);
    let best = 0;
    for (const [at, score] of scores) {
      const least = scores.get(best) ?? 0;
      if (score > least || (score === least && at < best)) best = at;
    }
    return best;
  };
}

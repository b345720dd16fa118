/** Copies the answer of the training row that shares most words with the question. */
import { wholeNumbers } from '../../data/number-column.ts';
import { DistinctHashes, hashesOfTexts } from '../../data/row-hashes.ts';
import { changed, itemOf, itemsOf, type List } from '../../lists.ts';
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
    const find = nearest(changed(train, ({ question }) => question.prompt));
    const answers: Evidence[] = [];
    await each(asked, ({ question }) =>
      answers.push({ text: itemOf(train, find(question.prompt)).question.expected }),
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
 * frequency). The texts are read once, and not held: four bytes are kept for each of their words.
 *
 * @param known at least one
 * @returns gives as many indices as are wanted, the nearest first and the first of equals before others; texts that share no word come last
 */
export function nearestFirst(known: List<string>): (text: string, many: number) => number[] {
  const distinct = new DistinctHashes();
  /** In how many texts each word is. */
  const counts = wholeNumbers();
  /** The words of all texts by their numbers, and the end of each text. */
  const words = wholeNumbers();
  const ends = wholeNumbers();
  for (const text of itemsOf(known)) {
    for (const word of wordsOf(text)) {
      const number = distinct.add(hashesOfTexts(word));
      if (number === counts.length) counts.push(0);
      counts.all[number]++;
      words.push(number);
    }
    ends.push(words.length);
  }
  const squares = Float64Array.from(counts.all, (count) => Math.log(1 + known.length / count) ** 2);
  const all = words.all;
  const startOf = (at: number): number => (at === 0 ? 0 : ends.at(at - 1));
  const norms = Float64Array.from(ends.all, (end, at) => {
    let sum = 0;
    for (let word = startOf(at); word < end; word++) sum += squares[all[word]];
    return Math.sqrt(sum);
  });
  return (text, many) => {
    /** Its words that are known: by their numbers, one more than their places. */
    const asked = [...wordsOf(text)].flatMap((word) => distinct.find(hashesOfTexts(word)) ?? []);
    const placeOf = new Uint32Array(distinct.length);
    asked.forEach((number, place) => (placeOf[number] = place + 1));
    const isShared = new Uint8Array(asked.length);
    const scores = new Float64Array(known.length);
    for (let at = 0; at < scores.length; at++) {
      let shared = 0;
      for (let word = startOf(at), end = ends.at(at); word < end; word++) {
        const place = placeOf[all[word]];
        if (place === 0) continue;
        isShared[place - 1] = 1;
        shared++;
      }
      if (shared === 0) continue;
      // In the order of the question, whose words any text may have in another one.
      for (let place = 0; place < asked.length; place++)
        if (isShared[place] === 1) scores[at] += squares[asked[place]] / norms[at];
      isShared.fill(0);
    }
    return largest(scores, many);
  };
}

/** The places of the largest scores, the first of equals before others. */
function largest(scores: Float64Array, many: number): number[] {
  const found: number[] = [];
  for (let at = 0; at < scores.length; at++) {
    if (found.length === many && scores[at] <= scores[found[many - 1]]) continue;
    let place = found.length;
    while (place > 0 && scores[found[place - 1]] < scores[at]) place--;
    found.splice(place, 0, at);
    if (found.length > many) found.pop();
  }
  return found;
}

/** The nearest alone, as {@link nearestFirst}. */
export function nearest(known: List<string>): (text: string) => number {
  const find = nearestFirst(known);
  return (text) => find(text, 1)[0];
}

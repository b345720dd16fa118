/**
 * Token F1 by the rules of SQuAD 1.1: capitals, ASCII punctuation and English articles aside, the harmonic mean of the share of the answer's
 * words that are expected and the share of the expected words that the answer has, each word counted as often as it is there.
 */
import { TEXT } from './parts/text.ts';
import { meanScore, type TextScorer } from './scorer.ts';

const PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** Whole words: a letter of any script next to them makes another word. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
const SPACES = /\p{White_Space}+/u;

const wordsOf = (text: string): string[] => text.split(SPACES).filter((word) => word !== '');

export const tokenF1 = {
  ...TEXT,
  name: 'token-f1',
  label: 'Token F1',
  heading: 'token F1',
  help: 'The overlap of the words of answer and reference, ignoring capitals, punctuation and a, an, the, as SQuAD does.',
  entry: {
    title: 'Token F1',
    what: 'How far the words of the answer are those of the reference, in any order. It is the mean over all rows of a number from 0 (no word in common) to 1 (all words and no others). Capitals, punctuation and the words a, an, the do not count.',
    more: 'Closer in wording.',
    less: 'Other words, which may mean the same.',
    start:
      'For short answers in words. For labels, exactly right says more; for longer texts, read the answers.',
    source: 'Rajpurkar et al., SQuAD, 2016, arXiv:1606.05250',
    also: 'f1 squad overlap words precision recall',
  },
  usual: true,
  format: (value: number) => value.toFixed(2),
  applies: () => true,
  normalise: (text: string) =>
    wordsOf(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ')).join(' '),
  score(answer: string, expected: string) {
    const [given, wanted] = [wordsOf(answer), wordsOf(expected)];
    if (given.length === 0 || wanted.length === 0) return given.length === wanted.length ? 1 : 0;
    const left = new Map<string, number>();
    for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
    let common = 0;
    for (const word of given) {
      const count = left.get(word) ?? 0;
      if (count === 0) continue;
      left.set(word, count - 1);
      common++;
    }
    return (2 * common) / (given.length + wanted.length);
  },
  aggregate: meanScore,
} as const satisfies TextScorer;

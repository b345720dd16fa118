/** Whether the bundled toy can learn these rows, judged by what can be counted. */
import { count } from '../../numbers.ts';

/** The rows that it was made for take 1.1 to 1.9; general English, questions to a bank and sums in words take 2.7 and more. */
const MAX_TOKENS_PER_WORD = 2.3;

interface ToyFacts {
  readonly tokensPerWord?: number;
  /** Tokens of the longest row, before it is cut. */
  readonly longest: number;
  /** Tokens that the model was made to read. */
  readonly positions: number;
}

/** @returns what it cannot do, with the number that shows it; undefined if nothing speaks against it */
export function toyWarning({ tokensPerWord = 0, longest, positions }: ToyFacts): string | undefined {
  const facts = [
    ...(tokensPerWord > MAX_TOKENS_PER_WORD
      ? [
          `it spells a word of these rows in ${tokensPerWord.toFixed(1)} tokens on average, and the words that it was made for in 1.1 to 1.9, so it has hardly ever seen such words`,
        ]
      : []),
    ...(longest > positions
      ? [`a row has ${count(longest)} tokens, and its context is ${count(positions)}`]
      : []),
  ];
  return facts.length === 0 ? undefined : `Sprig is too small for this: ${facts.join('; ')}.`;
}

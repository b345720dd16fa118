/**
 * ROUGE-1, ROUGE-2 and ROUGE-L as Google's rouge-score prints them (Lin 2004), without stemming: the F-measure of runs of words in common, the mean
 * over all rows. A row whose reference has no letter a to z and no digit has 0, as there; `rouge-l` leaves such rows out.
 */
import { capital } from '../capital.ts';
import { TEXT } from './parts/text.ts';
import { rougeL, rougeWords } from './rouge-l.ts';
import { meanScore, type TextScorer } from './scorer.ts';

/** The share of runs of so many words that are in common, as an F-measure. */
function overlap(given: readonly string[], wanted: readonly string[], order: number): number {
  const runsOf = (words: readonly string[]): string[] =>
    words.slice(order - 1).map((_, at) => words.slice(at, at + order).join(' '));
  const [own, others] = [runsOf(given), runsOf(wanted)];
  const left = new Map<string, number>();
  for (const run of others) left.set(run, (left.get(run) ?? 0) + 1);
  let common = 0;
  for (const run of own) {
    const count = left.get(run) ?? 0;
    if (count === 0) continue;
    left.set(run, count - 1);
    common++;
  }
  return common === 0 ? 0 : (2 * common) / (own.length + others.length);
}

const COMMON = {
  ...TEXT,
  format: (value: number) => value.toFixed(3),
  applies: () => true,
  normalise: (text: string) => rougeWords(text).join(' '),
  aggregate: meanScore,
} as const;

const SOURCE = 'Lin, ROUGE, 2004, aclanthology.org/W04-1013';

const runs = <Name extends string>(name: Name, order: number, of: string): TextScorer & { name: Name } => ({
  ...COMMON,
  name,
  label: `ROUGE-${order}`,
  heading: `ROUGE-${order}`,
  help: `${capital(of)} in common as an F-measure from 0 to 1, as rouge-score counts them: letters a to z and digits, ignoring capitals.`,
  entry: {
    title: `ROUGE-${order}`,
    what: `How many ${of} answer and reference have in common, as an F-measure from 0 to 1: the mean over all rows. Only the letters a to z and digits count.`,
    source: SOURCE,
    also: 'rouge summary summarisation overlap words n-gram',
  },
  score: (answer, reference) => overlap(rougeWords(answer), rougeWords(reference), order),
});

export const rouge1 = runs('rouge1', 1, 'words');
export const rouge2 = runs('rouge2', 2, 'pairs of words');

const { usual: _, ...ofRougeL } = rougeL;

export const rougeLOfAll = {
  ...ofRougeL,
  name: 'rougeL',
  label: 'ROUGE-L of all rows',
  heading: 'ROUGE-L of all rows',
  help: 'As rouge-l, with 0 for a row whose reference has no letter a to z and no digit, as rouge-score prints it.',
  entry: {
    title: 'ROUGE-L of all rows',
    what: 'ROUGE-L as rouge-score prints it: a row whose reference has no letter a to z and no digit counts as 0.',
    source: SOURCE,
    also: 'rouge summary summarisation longest common subsequence',
  },
  applies: () => true,
} as const satisfies TextScorer;

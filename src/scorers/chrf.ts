/**
 * chrF as sacrebleu computes it (Popović 2015): how far runs of one to six characters are those of the wanted text, white space aside, with recall
 * counted twice as much as precision (β = 2). Orders that one of the texts is too short for are left out ("effective order"). Over all rows the counts
 * are added up first, as sacrebleu's corpus score.
 */
import { aggregateOf, summed } from './parts/corpus.ts';
import { TEXT } from './parts/text.ts';
import type { Predicted, TextScorer } from './scorer.ts';

const ORDER = 6;
const BETA = 2;
const SPACE = /\p{White_Space}+/gu;

/** For each order: runs in the answer, in the wanted text, and in both. */
type Counts = readonly (readonly [answer: number, expected: number, common: number])[];

/** How often each run of so many characters comes up. */
function runsOf(characters: readonly string[], order: number): Map<string, number> {
  const runs = new Map<string, number>();
  for (let at = 0; at + order <= characters.length; at++) {
    const run = characters.slice(at, at + order).join('');
    runs.set(run, (runs.get(run) ?? 0) + 1);
  }
  return runs;
}

const total = (runs: ReadonlyMap<string, number>): number =>
  [...runs.values()].reduce((sum, many) => sum + many, 0);

function countsOf(answer: string, expected: string): Counts {
  const [given, wanted] = [answer, expected].map((text) => [...text.replace(SPACE, '')]);
  return Array.from({ length: ORDER }, (_, at) => {
    const [own, others] = [given, wanted].map((characters) => runsOf(characters, at + 1));
    const common = [...own].reduce((sum, [run, many]) => sum + Math.min(many, others.get(run) ?? 0), 0);
    // Without a run of this order in the wanted text the answer's are no mistake.
    return [others.size > 0 ? total(own) : 0, total(others), common];
  });
}

/** From 0 to 1. */
function scoreOf(counts: Counts): number {
  const orders = counts.filter(([answer, expected]) => answer > 0 && expected > 0);
  if (orders.length === 0) return 0;
  const mean = (of: (one: Counts[number]) => number): number =>
    orders.reduce((sum, one) => sum + of(one), 0) / orders.length;
  const precision = mean(([answer, , common]) => common / answer);
  const recall = mean(([, expected, common]) => common / expected);
  return precision + recall === 0
    ? 0
    : ((1 + BETA ** 2) * precision * recall) / (BETA ** 2 * precision + recall);
}

/** The counts with the reference that scores best, as numbers that can be added up. */
function bestCounts({ answer, references }: Predicted): number[] {
  const all = references.map((reference) => countsOf(answer, reference));
  return all.reduce((best, counts) => (scoreOf(counts) > scoreOf(best) ? counts : best)).flat();
}

const scoreOfSums = (sums: ArrayLike<number>): number =>
  scoreOf(
    Array.from({ length: ORDER }, (_, at) => [sums[3 * at], sums[3 * at + 1], sums[3 * at + 2]] as const),
  );

const corpus = (rows: readonly Predicted[]): ReturnType<typeof summed> =>
  summed(rows.map(bestCounts), scoreOfSums);

/** chrF of one answer, from 0 to 1. */
const sentenceScore = (answer: string, reference: string): number => scoreOf(countsOf(answer, reference));

export const chrf = {
  ...TEXT,
  name: 'chrf',
  label: 'chrF',
  heading: 'chrF',
  help: 'Runs of one to six characters in common, without white space, counted over all rows as sacrebleu does: the corpus score, from 0 to 100.',
  entry: {
    title: 'chrF',
    what: 'How far the answer has the runs of one to six characters of the expected one, from 0, none in common, to 100, all. White space does not count, and what is missing counts more than what is too much. Over all rows the runs are counted together.',
    more: 'Closer in wording, even if words differ only in their endings.',
    less: 'Other words, which may mean the same.',
    start: 'For translations and other texts, in any script. For labels, exactly right says more.',
    source: 'Popović, chrF, 2015, aclanthology.org/W15-3049',
    also: 'chrf character n-gram translation sacrebleu',
  },
  usual: true,
  format: (value: number) => (100 * value).toFixed(1),
  scale: 100,
  applies: (expected: string) => expected.trim() !== '',
  normalise: (text: string) => text,
  score: sentenceScore,
  aggregate: aggregateOf(corpus),
  corpus,
} as const satisfies TextScorer;

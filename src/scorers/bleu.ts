/**
 * BLEU as sacrebleu computes it (Papineni et al. 2002; Post 2018): runs of one to four tokens by the 13a tokenizer, exponential smoothing, the
 * brevity penalty over the closest reference. Over all rows the counts are added up first. One row has its effective order: runs longer than its
 * answer do not count.
 */
import { aggregateOf, summed } from './parts/corpus.ts';
import { TEXT } from './parts/text.ts';
import type { Predicted, TextScorer } from './scorer.ts';

const ORDER = 4;

const ENTITIES: readonly (readonly [string, string])[] = [
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
];

/** The 13a tokenizer, which is that of mteval-v13a of WMT. */
function tokensOf(text: string): string[] {
  const plain = text.trimEnd().replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  const read = ENTITIES.reduce((all, [entity, character]) => all.replaceAll(entity, character), plain);
  return ` ${read} `
    .replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ')
    .split(/\p{White_Space}+/u)
    .filter((token) => token !== '');
}

/** How often each run of up to four tokens comes up, by its length less one. */
function runsOf(tokens: readonly string[]): Map<string, number>[] {
  return Array.from({ length: ORDER }, (_, order) => {
    const runs = new Map<string, number>();
    for (let at = 0; at + order < tokens.length; at++) {
      const run = tokens.slice(at, at + order + 1).join(' ');
      runs.set(run, (runs.get(run) ?? 0) + 1);
    }
    return runs;
  });
}

/** The tokens of the answer, those of the closest reference (the shorter of two), the runs in common by length, and the runs of the answer. */
function countsOf({ answer, references }: Predicted): number[] {
  const given = tokensOf(answer);
  const known = references.map(tokensOf);
  const distance = (length: number): number => Math.abs(length - given.length);
  const closest = known
    .map(({ length }) => length)
    .reduce((best, length) =>
      distance(length) < distance(best) || (distance(length) === distance(best) && length < best)
        ? length
        : best,
    );
  const runs = known.map(runsOf);
  const common = runsOf(given).map((own, order) =>
    [...own].reduce(
      (sum, [run, many]) => sum + Math.min(many, Math.max(...runs.map((one) => one[order].get(run) ?? 0))),
      0,
    ),
  );
  const total = common.map((_, order) => Math.max(0, given.length - order));
  return [given.length, closest, ...common, ...total];
}

/** From 0 to 1. @param isEffective whether runs longer than the answer are left out */
function scoreOf(
  [given, wanted, ...counts]: ArrayLike<number> & Iterable<number>,
  isEffective: boolean,
): number {
  const common = counts.slice(0, ORDER);
  const total = counts.slice(ORDER);
  if (common.every((count) => count === 0)) return 0;
  const orders = total.filter((count) => count > 0).length;
  if (orders < ORDER && !isEffective) return 0;
  let smooth = 1;
  const logs = common.slice(0, orders).map((count, order) => {
    if (count > 0) return Math.log(count / total[order]);
    smooth *= 2;
    return Math.log(1 / (smooth * total[order]));
  });
  const brevity = given < wanted ? Math.exp(1 - wanted / given) : 1;
  return brevity * Math.exp(logs.reduce((sum, log) => sum + log, 0) / orders);
}

/** BLEU of one answer, from 0 to 1. */
const sentenceScore = (answer: string, references: readonly string[]): number =>
  scoreOf(countsOf({ answer, references }), true);

const corpus = (rows: readonly Predicted[]): ReturnType<typeof summed> =>
  summed(rows.map(countsOf), (sums) => scoreOf(sums, false));

export const bleu = {
  ...TEXT,
  name: 'bleu',
  label: 'BLEU',
  heading: 'BLEU',
  help: 'Runs of one to four tokens in common, counted over all rows as sacrebleu does (13a, exponential smoothing): the corpus score, from 0 to 100.',
  entry: {
    title: 'BLEU',
    what: 'How many runs of one to four tokens of the answer the reference has, from 0 to 100, and less for answers that are too short. Over all rows the runs are counted together.',
    more: 'Closer in wording and order.',
    less: 'Other words, which may mean the same.',
    start: 'For translations, on many rows. For single answers chrF is steadier.',
    source: 'Papineni et al., BLEU, 2002, aclanthology.org/P02-1040; Post, 2018, aclanthology.org/W18-6319',
    also: 'bleu translation n-gram precision sacrebleu',
  },
  format: (value: number) => (100 * value).toFixed(1),
  scale: 100,
  applies: () => true,
  normalise: (text: string) => text,
  score: (answer: string, reference: string) => sentenceScore(answer, [reference]),
  scoreSeveral: sentenceScore,
  aggregate: aggregateOf(corpus),
  corpus,
} as const satisfies TextScorer;

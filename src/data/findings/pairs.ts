/** Pairs and judged answers from which little can be learned. */
import type { Example } from '../example.ts';
import { wholeNumbers } from '../number-column.ts';
import { effectOf, MIN_PAIRS, MAJOR_EFFECT } from '../preference-lint.ts';
import { marksOf } from '../preference-marks.ts';
import { DistinctHashes, hashesOf, hashesOfTexts } from '../row-hashes.ts';
import type { Found, RuleAtWork } from './finding.ts';
import { answerOf } from '../unwritable.ts';

export function findPairs(): RuleAtWork {
  const rules = [findIdle(), findLengthBias(), findOneMark(), findOneSide('chosen'), findOneSide('rejected')];
  return {
    see(row) {
      for (const rule of rules) rule.see(row);
    },
    found: () => rules.flatMap((rule) => rule.found()),
  };
}

interface PairRule extends RuleAtWork {
  see: NonNullable<RuleAtWork['see']>;
  found(): Found[];
}

/** Pairs with nothing to prefer, and pairs that prefer what an earlier one rejects. */
function findIdle(): PairRule {
  const earlier = new DistinctHashes();
  const idle: number[] = [];
  const opposed: number[] = [];
  let rows = 0;
  return {
    see({ row, example, fault }) {
      rows++;
      if (fault === 'identical-pair') idle.push(row);
      if (example?.kind !== 'pair') return;
      const { mark, flipped } = marksOf(example);
      if (mark === 'alike') idle.push(row);
      else if (flipped && earlier.find(flipped) !== undefined) opposed.push(row);
      earlier.add(hashesOf(example));
    },
    found: () => [
      {
        id: 'identical-pairs',
        rows: idle,
        ...(idle.length > 0 && idle.length === rows && { severity: 'error' as const }),
      },
      { id: 'opposed-pairs', rows: opposed },
    ],
  };
}

type Side = 'chosen' | 'rejected';

const sideOf = (pair: Example & { readonly kind: 'pair' }, side: Side): string =>
  answerOf({ ...pair[side], line: 0 });

/** By the characters of the answers, which need no tokenizer. */
function findLengthBias(): PairRule {
  const rows = wholeNumbers();
  const lengths = { chosen: wholeNumbers(), rejected: wholeNumbers() };
  return {
    see({ row, example }) {
      if (example?.kind !== 'pair') return;
      const [chosen, rejected] = [sideOf(example, 'chosen').length, sideOf(example, 'rejected').length];
      if (chosen === 0 && rejected === 0) return;
      rows.push(row);
      lengths.chosen.push(chosen);
      lengths.rejected.push(rejected);
    },
    found() {
      if (rows.length < MIN_PAIRS) return [];
      const { chosen, rejected, effect } = effectOf(
        Array.from(lengths.chosen.all),
        Array.from(lengths.rejected.all),
      );
      if (Math.abs(effect) < MAJOR_EFFECT) return [];
      const isBiased = (at: number): boolean =>
        (lengths.chosen.at(at) - lengths.rejected.at(at)) * effect > 0;
      return [
        {
          id: 'length-bias',
          rows: Array.from(rows.all.filter((_, at) => isBiased(at))),
          detail: `Chosen answers have ${chosen.toFixed(0)} characters on average, and rejected ones ${rejected.toFixed(0)}.`,
        },
      ];
    },
  };
}

/** Judged answers that all have the same mark. */
function findOneMark(): PairRule {
  const rows = wholeNumbers();
  const marks = new Set<boolean>();
  return {
    see({ row, example }) {
      if (example?.kind !== 'unpaired') return;
      marks.add(example.desirable);
      // Only a list of one mark is named.
      if (marks.size === 1) rows.push(row);
    },
    found: () =>
      marks.size !== 1
        ? []
        : [
            {
              id: 'one-sided',
              rows: Array.from(rows.all),
              detail: `Every answer is marked as ${marks.has(true) ? 'desirable' : 'undesirable'}.`,
              severity: 'error',
            },
          ],
  };
}

/** From this share on, one text is always one side of the pairs. */
const ALWAYS = 0.9;

function findOneSide(side: Side): PairRule {
  const answers = new DistinctHashes();
  const counts: number[] = [];
  /** The rows of pairs with an answer on this side, and the number of the answer. */
  const rows = wholeNumbers();
  const numbers = wholeNumbers();
  let pairs = 0;
  return {
    see({ row, example }) {
      if (example?.kind !== 'pair') return;
      pairs++;
      const answer = sideOf(example, side);
      if (answer === '') return;
      const number = answers.add(hashesOfTexts(answer));
      counts[number] = (counts[number] ?? 0) + 1;
      rows.push(row);
      numbers.push(number);
    },
    found() {
      const most = counts.reduce((max, count) => Math.max(max, count), 0);
      if (pairs < MIN_PAIRS || most < ALWAYS * pairs) return [];
      const largest = counts.indexOf(most);
      return [
        {
          id: 'one-sided',
          rows: Array.from(rows.all.filter((_, at) => numbers.at(at) === largest)),
          detail: `${most} of ${pairs} pairs have the same ${side} answer.`,
        },
      ];
    },
  };
}

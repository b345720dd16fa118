/** What an evaluation says, in one sentence that claims no more than its numbers. */
import type { Evaluation } from '../../worker/api.ts';
import { loss, plural } from '../ui/format.ts';
import { caveatOf, isHeldOut } from './seen.ts';

export interface Verdict {
  /** Before the number that matters, the number, and after it. */
  readonly before: string;
  readonly number: string;
  readonly after: string;
  readonly better: boolean;
  readonly caution: string;
}

/** A perplexity that moved by less than this share is called the same. */
const NOTICEABLE = 0.03;
const FEW_ROWS = 20;

export function judge(evaluation: Evaluation): Verdict {
  const { base, tuned, exact, rows } = evaluation;
  const what = isHeldOut(evaluation) ? 'held-out rows' : 'rows';
  const caveat = caveatOf(evaluation);
  const few =
    rows.length < FEW_ROWS
      ? `${plural(rows.length, 'row says', 'rows say')} little: measure on more before you rely on it.`
      : '';
  const counts = exact.base.total > 0 && exact.base.count + exact.tuned.count > 0;
  if (counts && exact.tuned.interval[0] > exact.base.interval[1]) {
    return {
      before: 'The adapter gets ',
      number: `${exact.tuned.count} of ${exact.tuned.total}`,
      after: ` ${what} exactly right, the base model ${exact.base.count}.`,
      better: true,
      caution: joined(caveat, few),
    };
  }
  if (counts && exact.tuned.interval[1] < exact.base.interval[0]) {
    return {
      before: 'The adapter is worse: ',
      number: `${exact.tuned.count} of ${exact.tuned.total}`,
      after: ` ${what} exactly right, against ${exact.base.count} by the base model.`,
      better: false,
      caution: joined(caveat, few),
    };
  }
  const overlap = counts
    ? `Exactly right are ${exact.tuned.count} of ${exact.tuned.total} against ${exact.base.count}; the two 95% intervals overlap, so that may be luck.`
    : '';
  return {
    ...bySurprise(base.perplexity, tuned.perplexity),
    caution: joined(caveat, overlap, few),
  };
}

const joined = (...sentences: readonly string[]): string => sentences.filter(Boolean).join(' ');

function bySurprise(base: number, tuned: number): Omit<Verdict, 'caution'> {
  const ratio = base / tuned;
  const number = `${loss(base)} → ${loss(tuned)}`;
  if (ratio > 1 + NOTICEABLE)
    return {
      before: 'The adapter is less surprised by the right answers: perplexity ',
      number,
      after: '.',
      better: true,
    };
  const same = ratio > 1 / (1 + NOTICEABLE);
  return {
    before: same ? 'No clear difference: perplexity ' : 'The adapter is worse: perplexity ',
    number,
    after: '.',
    better: false,
  };
}

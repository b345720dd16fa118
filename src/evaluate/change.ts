/** Compares a new adapter with the one in use, on the same rows, and claims no more than the numbers show. */
import { clustersOf, testInWords } from './clusters.ts';
import { plural, threeDigits } from '../numbers.ts';
import type { Side } from './sides.ts';
import { isSameItems, type LossReport } from './record.ts';
import { compare } from './paired.ts';
import { oftenInWords, pInWords } from './chance.ts';

/** `chance` if the difference may be chance; `same` if there is none. */
type ChangeKind = 'better' | 'worse' | 'chance' | 'same';

export interface Change {
  readonly kind: ChangeKind;
  /** In a sentence. */
  readonly what: string;
  /** How that was found, and what it does not show. */
  readonly how: string;
}

/** Rarer by chance than this is called a difference. */
const LEVEL = 0.05;
/** A perplexity that moved by less than this share is called the same. */
const NOTICEABLE = 0.03;
/** Free text is hardly ever exactly right: the likelihood of the answers says more. */
const FREE_TEXT_SHARE = 0.1;

/**
 * @param before the adapter in use, `after` the new one, measured on the same rows in the same order
 * @throws RangeError if the rows differ
 */
export function judgeChange(before: Side, after: Side): Change {
  const { items } = after.record;
  if (!isSameItems(before.record.items, items))
    throw new RangeError('The two were measured on different rows');
  const [right = [], now = []] = [before.right, after.right];
  const { onlyFirst, onlySecond, both, p } = compare(right, now, clustersOf(after.record, right.length));
  const max = both + Math.max(onlyFirst, onlySecond);
  const isFree = max <= FREE_TEXT_SHARE * items.length;
  const perplexity = perplexityOf(before.subject.loss, after.subject.loss);
  if (isFree && perplexity) return byPerplexity(perplexity, items.length);
  const counts = `${both + onlySecond} of ${plural(items.length, 'test row')} exactly right, before ${both + onlyFirst}`;
  const chance =
    onlyFirst + onlySecond === 0
      ? 'Both are right on the same rows.'
      : `Only the new one is right on ${onlySecond}, only the one in use on ${onlyFirst}. If both were equally good, a split at least this uneven would come ${oftenInWords(p)} by chance (${testInWords(after.record)}, ${pInWords(p)}).`;
  const likelihood = perplexity
    ? ` Perplexity of the reference answers ${threeDigits(perplexity.before)} → ${threeDigits(perplexity.after)}.`
    : '';
  const how = chance + likelihood;
  if (onlyFirst === onlySecond) return { kind: 'same', what: `As good as before: ${counts}.`, how };
  const isBetter = onlySecond > onlyFirst;
  if (p >= LEVEL)
    return {
      kind: 'chance',
      what: `${isBetter ? 'A little better' : 'A little worse'}, which may be chance: ${counts}.`,
      how,
    };
  return isBetter
    ? { kind: 'better', what: `Better: ${counts}.`, how }
    : { kind: 'worse', what: `Worse: ${counts}.`, how };
}

interface Perplexities {
  readonly before: number;
  readonly after: number;
}

function perplexityOf(
  before: LossReport | undefined,
  after: LossReport | undefined,
): Perplexities | undefined {
  if (!before || !after || ![before, after].every(({ perplexity }) => Number.isFinite(perplexity)))
    return undefined;
  return { before: before.perplexity, after: after.perplexity };
}

function byPerplexity({ before, after }: Perplexities, rows: number): Change {
  const numbers = `perplexity ${threeDigits(before)} → ${threeDigits(after)}`;
  const how = `${
    rows > 0 ? 'The reference answers are free text, and hardly any answer matches one word for word. ' : ''
  }Perplexity says how likely the reference text is to a model. It does not say whether the model’s own answers are good, and a difference below ${100 * NOTICEABLE}% is called none.`;
  if (before / after > 1 + NOTICEABLE)
    return { kind: 'better', what: `The reference answers are likelier: ${numbers}.`, how };
  if (after / before > 1 + NOTICEABLE)
    return { kind: 'worse', what: `The reference answers are less likely: ${numbers}.`, how };
  return { kind: 'same', what: `As likely as before: ${numbers}.`, how };
}

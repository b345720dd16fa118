/** Records of evaluations from small measurements in the shape of earlier versions, which is short to write. */
import { comparedOf, sidesOf, type Side } from '../../../src/evaluate/sides.ts';
import type { Forgetting } from '../../../src/evaluate/forgetting.ts';
import { fromFewShot, fromMeasured } from '../../../src/evaluate/earlier.ts';
import type { Evaluation } from '../../../src/evaluate/record.ts';
import type { Measured } from '../../../src/evaluate/verdict.ts';

/** A base model against one adapter. */
export type Earlier = Parameters<typeof fromMeasured>[0]['evaluations'][number];
/** A base model with examples. */
export type EarlierFew = Parameters<typeof fromFewShot>[0];

export const recordOfOne = (one: Earlier): Evaluation => fromMeasured({ evaluations: [one], seconds: 1 });

/** Its only adapter, beside the base. @param forgetting what it forgot, where that was measured */
export function measuredIn(one: Earlier, name = 'Captain', forgetting?: Forgetting): Measured {
  const [{ base, tuned }] = comparedOf(recordOfOne(one));
  const subject = { ...tuned.subject, ...(forgetting && { forgetting }) };
  return { base, tuned: { ...tuned, subject }, name };
}

export const fewIn = (few: EarlierFew | undefined): Side | undefined =>
  few && sidesOf(fromFewShot(few), 'few-shot')[0];

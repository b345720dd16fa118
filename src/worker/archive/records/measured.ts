/** A measurement of answers and losses: the record of an evaluation, also from the shapes of earlier versions. */
import * as v from 'valibot';
import {
  EarlierFewShot,
  EarlierMeasured,
  EarlierTuned,
  fromFewShot,
  fromMeasured,
  fromTuned,
} from '../../../evaluate/earlier.ts';
import { RecordSchema, RewardList } from '../../../evaluate/record-file.ts';
import { wholeNumber } from './values.ts';

/** Methods and adapters on the same rows. */
export const MeasuredRecord = v.union([RecordSchema, v.pipe(EarlierMeasured, v.transform(fromMeasured))]);

/** The base model with examples, and perhaps an adapter after the same ones. */
export const FewShot = v.union([RecordSchema, v.pipe(EarlierFewShot, v.transform(fromFewShot))]);

/** How many rows a measurement asks, and how. */
export const Sample = v.object({
  rows: wholeNumber,
  lossOf: v.optional(v.picklist(['asked', 'all'])),
  rewards: v.optional(RewardList),
  scorers: v.optional(v.array(v.string())),
  prompting: v.optional(
    v.object({
      goal: v.string(),
      instruction: v.optional(v.string()),
      shots: wholeNumber,
      examples: v.optional(v.picklist(['random', 'similar', 'nearest'])),
    }),
  ),
});
/** A row of the table of everything tuned. */
export const TunedEntry = v.union([
  v.object({ sample: Sample, evaluation: RecordSchema }),
  v.pipe(
    v.object({ sample: Sample, ...EarlierTuned.entries }),
    v.transform(({ sample: asked, ...earlier }) => ({ sample: asked, evaluation: fromTuned(earlier) })),
  ),
]);

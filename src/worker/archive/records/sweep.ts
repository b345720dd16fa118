/** A sweep: settings of all its runs, what varies, and what it has done. */
import * as v from 'valibot';
import { RecordSchema } from '../../../evaluate/record-file.ts';
import { SweepState } from '../../../runs/sweep/record.ts';
import { Settings } from './run.ts';
import { Sample } from './measured.ts';
import { wholeNumber, id, number, text } from './values.ts';

export const SweepFile = v.object({
  id,
  created: number,
  name: text,
  settings: Settings,
  ask: v.object({
    grid: v.optional(text),
    range: v.optional(text),
    random: v.optional(wholeNumber),
    seeds: v.optional(text),
    halving: v.optional(number),
    budgetSteps: v.optional(wholeNumber),
    budgetMinutes: v.optional(number),
    folds: v.optional(wholeNumber),
  }),
  state: SweepState,
  on: v.object({ model: text, fingerprint: text, rows: text }),
  command: text,
  sample: v.optional(Sample),
  measured: v.optional(v.array(v.object({ fold: wholeNumber, record: RecordSchema }))),
});

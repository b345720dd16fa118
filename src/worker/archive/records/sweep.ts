/** A sweep: settings of all its runs, what varies, and what it has done. */
import * as v from 'valibot';
import { RecordSchema } from '../../../evaluate/record-file.ts';
import { SweepState } from '../../../runs/sweep/record.ts';
import { Settings } from './run.ts';
import { sample } from './measured.ts';
import { count, id, number, text } from './values.ts';

export const SweepFile = v.object({
  id,
  created: number,
  name: text,
  settings: Settings,
  ask: v.object({
    grid: v.optional(text),
    range: v.optional(text),
    random: v.optional(count),
    seeds: v.optional(text),
    halving: v.optional(number),
    budgetSteps: v.optional(count),
    budgetMinutes: v.optional(number),
    folds: v.optional(count),
  }),
  state: SweepState,
  on: v.object({ model: text, fingerprint: text, rows: text }),
  command: text,
  sample: v.optional(sample),
  measured: v.optional(v.array(v.object({ fold: count, record: RecordSchema }))),
});

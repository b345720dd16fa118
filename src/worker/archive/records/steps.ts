/** The history of a data set: what a person changed in its rows. */
import * as v from 'valibot';
import { ChangedRowSchema } from '../../../data/row-changes-file.ts';
import { DataOptions } from './data.ts';
import { wholeNumber, number } from './values.ts';

/** What differs between two ways to read rows. Null is a choice that is not made. */
const Choices = v.object(
  Object.fromEntries(
    Object.entries(DataOptions.entries).map(([name, schema]) => [
      name,
      v.optional(v.nullable(schema as v.GenericSchema)),
    ]),
  ),
);

export const StepsFile = v.object({
  steps: v.array(
    v.object({
      number: v.pipe(wholeNumber, v.minValue(2)),
      parent: v.pipe(wholeNumber, v.minValue(1)),
      created: number,
      done: v.string(),
      diff: v.optional(
        v.object({ edited: wholeNumber, added: wholeNumber, deleted: wholeNumber, moved: wholeNumber }),
      ),
      rows: v.optional(v.array(ChangedRowSchema)),
      options: v.optional(v.object({ before: Choices, after: Choices })),
    }),
  ),
});

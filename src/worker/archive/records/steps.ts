/** The history of a data set: what a person changed in its rows. */
import * as v from 'valibot';
import { checkContent } from '../../../data/raw-content.ts';
import type { ExampleContent } from '../../../text/trainable.ts';
import { DataOptions } from './data.ts';
import { count, number } from './values.ts';

/** Checked as a row that a person writes. */
const Content = v.custom<ExampleContent>((value) => {
  try {
    checkContent(value as ExampleContent);
    return true;
  } catch {
    return false; // whatever it is, it is no example
  }
}, 'an example');

const ChangedRow = v.object({
  file: count,
  line: count,
  content: v.optional(Content),
  columns: v.optional(v.record(v.string(), v.unknown())),
  part: v.optional(v.picklist(['train', 'validation', 'test'])),
  deleted: v.optional(v.literal(true)),
  after: v.optional(count),
});

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
      number: v.pipe(count, v.minValue(2)),
      parent: v.pipe(count, v.minValue(1)),
      created: number,
      done: v.string(),
      diff: v.optional(v.object({ edited: count, added: count, deleted: count, moved: count })),
      rows: v.optional(v.array(ChangedRow)),
      options: v.optional(v.object({ before: Choices, after: Choices })),
    }),
  ),
});

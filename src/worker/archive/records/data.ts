/** A data set, how it is read, and the rows that a run made of it. */
import * as v from 'valibot';
import { MAX_TEMPLATE_CHARS } from '../../../data/mapping.ts';
import { MIXES } from '../../../data/mixture.ts';
import { wholeNumber, Message, number, text } from './values.ts';

export const DataRef = v.object({
  name: text,
  version: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  created: number,
  revision: v.optional(v.pipe(wholeNumber, v.minValue(1))),
});

/** Files of one data set. */
const MAX_FILES = 100;
const template = v.pipe(v.string(), v.maxLength(MAX_TEMPLATE_CHARS));
const Mapping = v.union([
  v.strictObject({ text: template }),
  v.strictObject({
    prompt: template,
    input: v.optional(template),
    answer: template,
    system: v.optional(template),
  }),
]);
const share = v.pipe(number, v.minValue(0), v.maxValue(1));
export const DataOptions = v.looseObject({
  mapping: v.optional(Mapping),
  header: v.optional(v.boolean()),
  delimiter: v.optional(text),
  maxLength: wholeNumber,
  overlong: v.picklist(['truncate-end', 'truncate-prompt', 'drop']),
  validation: share,
  test: share,
  seed: wholeNumber,
  skip: v.optional(v.pipe(v.array(v.array(wholeNumber)), v.maxLength(MAX_FILES))),
  fair: v.optional(
    v.object({ stratify: v.optional(text), group: v.optional(text), parts: v.optional(text) }),
  ),
  dropCopies: v.optional(v.boolean()),
  revision: v.optional(v.pipe(wholeNumber, v.minValue(1))),
  text: v.optional(
    v.object({
      documents: v.optional(text),
      packed: v.optional(v.boolean()),
      overlap: v.optional(v.pipe(wholeNumber, v.minValue(1))),
    }),
  ),
  mixture: v.optional(
    v.object({
      tasks: v.pipe(
        v.array(
          v.object({
            name: text,
            file: wholeNumber,
            share: v.optional(v.pipe(v.number(), v.gtValue(0))),
            whole: v.optional(v.boolean()),
          }),
        ),
        v.minLength(2),
        v.maxLength(MAX_FILES),
      ),
      mix: v.picklist([...MIXES, 'given']),
      temperature: v.optional(v.pipe(v.number(), v.minValue(1))),
      cap: v.optional(v.pipe(wholeNumber, v.minValue(1))),
    }),
  ),
});

export const DataSetFile = v.object({
  ...DataRef.entries,
  sample: v.optional(text),
  options: DataOptions,
  files: v.pipe(v.array(text), v.minLength(1), v.maxLength(MAX_FILES)),
  more: v.optional(wholeNumber),
  format: text,
  rows: wholeNumber,
  bytes: wholeNumber,
});

const Row = v.pipe(
  v.object({
    ids: v.array(wholeNumber),
    labels: v.array(v.pipe(v.number(), v.integer())),
    line: wholeNumber,
    starts: v.optional(v.array(wholeNumber)),
    asked: v.optional(
      v.object({
        prompt: v.string(),
        answer: v.optional(v.string()),
        columns: v.optional(v.record(v.string(), v.unknown())),
      }),
    ),
    desirable: v.optional(v.boolean()),
    asks: v.optional(v.literal(true)),
    task: v.optional(v.object({ name: text, share: number })),
  }),
  v.check(({ ids, labels }) => ids.length === labels.length, 'as many labels as ids'),
  v.check(
    ({ ids, starts = [] }) =>
      starts.every((start, at) => start > (starts[at - 1] ?? 0) && start < ids.length),
    'sequences that start one after the other within the row',
  ),
);

export const RowsFile = v.object({
  train: v.array(Row),
  validation: v.array(Row),
  test: v.array(Row),
  questions: v.array(
    v.object({
      prompt: v.string(),
      expected: v.string(),
      ask: v.union([v.string(), v.array(Message)]),
      task: v.optional(text),
    }),
  ),
  large: v.optional(v.object({ train: wholeNumber, validation: wholeNumber, test: wholeNumber })),
});

/** The results of a project: one record of each kind. */
import * as v from 'valibot';
import { DataRef } from './data.ts';
import { Loss } from '../../../evaluate/record-file.ts';
import { FewShot, MeasuredRecord, TunedEntry } from './measured.ts';
import { Origin } from './origin.ts';
import { wholeNumber, id, Message, number, text } from './values.ts';

const Token = v.object({
  text: v.string(),
  part: v.optional(v.object({ text: v.string(), number: wholeNumber, count: wholeNumber })),
  candidates: v.array(
    v.object({ text: v.string(), probability: number, taken: v.optional(v.literal(true)) }),
  ),
});
const place = { file: text, page: v.nullable(wholeNumber), start: wholeNumber, end: wholeNumber };
const Passages = v.object({
  sources: v.array(v.object({ ...place, id: text, text: v.string() })),
  leftOut: v.array(v.object(place)),
  cut: wholeNumber,
  tokens: wholeNumber,
  text: v.string(),
});
const Answer = v.object({
  adapter: text,
  text: v.string(),
  state: v.picklist(['done', 'stopped', 'failed']),
  tokens: v.array(Token),
  tokenCount: wholeNumber,
  seconds: number,
  origin: v.optional(Origin),
  prompt: v.optional(v.object({ text: v.string(), tokens: wholeNumber, plain: v.optional(v.string()) })),
  passages: v.optional(Passages),
});

/** An answer of real use. */
const Used = v.object({
  id,
  model: text,
  time: text,
  prompt: v.string(),
  asked: v.union([
    v.string(),
    v.array(wholeNumber),
    v.array(v.looseObject({ role: text, content: v.string() })),
  ]),
  answer: v.string(),
  finish: text,
  thumb: v.optional(v.picklist(['up', 'down'])),
  origin: v.optional(Origin),
});

const StageScore = v.object({
  right: v.optional(wholeNumber),
  byRow: v.optional(v.array(number)),
  loss: v.optional(Loss),
});
const Quote = v.object({ start: wholeNumber, end: wholeNumber, text: v.string() });
const Question = v.object({
  id,
  question: v.string(),
  answer: v.string(),
  quote: v.optional(Quote),
  quoted: v.optional(v.string()),
  file: v.optional(text),
  passage: v.optional(text),
  by: text,
  state: v.picklist(['draft', 'approved', 'skipped']),
});
const result = { changed: number };
export const ResultFile = v.variant('kind', [
  v.object({
    ...result,
    kind: v.literal('looks'),
    value: v.object({
      tests: v.array(v.object({ test: DataRef.entries.version, count: wholeNumber, last: number })),
    }),
  }),
  v.object({ ...result, kind: v.literal('baseline'), value: MeasuredRecord }),
  v.object({ ...result, kind: v.literal('evaluation'), value: MeasuredRecord }),
  v.object({
    ...result,
    kind: v.literal('fewShot'),
    value: FewShot,
  }),
  v.object({
    ...result,
    kind: v.literal('chat'),
    value: v.object({
      turns: v.array(
        v.object({
          prompt: v.string(),
          answers: v.tuple([Answer, Answer]),
          blind: v.optional(
            v.object({
              swapped: v.boolean(),
              vote: v.optional(v.picklist(['first', 'second', 'none'])),
            }),
          ),
        }),
      ),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('preferences'),
    value: v.object({
      pairs: v.array(
        v.object({
          prompt: v.pipe(v.array(Message), v.minLength(1)),
          chosen: v.string(),
          rejected: v.string(),
          by: v.picklist(['vote', 'edit']),
          names: v.tuple([v.string(), v.string()]),
          time: number,
        }),
      ),
      ties: wholeNumber,
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('further'),
    value: v.object({
      time: number,
      from: v.object({ id, name: text }),
      rows: DataRef.entries.version,
      entries: v.array(id),
      adapter: v.optional(v.object({ id, name: text })),
      measured: v.optional(MeasuredRecord),
      kept: v.optional(v.picklist(['new', 'old'])),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('lineage'),
    value: v.object({
      id: text,
      time: number,
      asked: v.optional(wholeNumber),
      seconds: v.optional(number),
      report: v.object({
        stages: v.array(text),
        rows: v.array(
          v.object({
            name: text,
            stage: wholeNumber,
            rows: wholeNumber,
            measure: v.optional(v.picklist(['answers', 'pairs', 'rewards'])),
            reference: v.optional(v.pipe(number, v.integer(), v.minValue(-1))),
            passMark: v.optional(number),
            pairs: v.optional(v.literal(true)),
            base: StageScore,
            scores: v.array(StageScore),
          }),
        ),
      }),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('questions'),
    value: v.object({ questions: v.array(Question) }),
  }),
  v.object({
    ...result,
    kind: v.literal('retrievers'),
    value: v.object({
      ...{ trained: v.array(v.string()), held: v.array(v.string()), on: text },
      measures: v.array(v.object({ adapter: v.optional(id), scores: v.record(v.string(), v.array(number)) })),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('tuned'),
    value: v.object({
      entries: v.array(TunedEntry),
    }),
  }),
  v.object({
    ...result,
    kind: v.literal('log'),
    value: v.object({ on: v.boolean(), answers: v.array(Used) }),
  }),
]);

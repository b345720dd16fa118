/** A person's judgement of one answer. */
import * as v from 'valibot';
import { Origin } from './origin.ts';
import { id, Message, number, text } from './values.ts';

export const FeedbackFile = v.object({
  id,
  time: number,
  entry: v.object({
    id,
    time: number,
    prompt: v.pipe(v.array(Message), v.minLength(1)),
    plain: v.optional(v.string()),
    answer: v.string(),
    origin: v.optional(Origin),
    model: v.optional(text),
    verdict: v.picklist(['good', 'bad']),
    correction: v.optional(v.string()),
    state: v.picklist(['waiting', 'accepted', 'rejected']),
    taught: v.optional(v.object({ runId: id, name: text, time: number })),
  }),
});

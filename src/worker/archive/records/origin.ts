/** The model, rows and adapter of an answer or a measurement. */
import * as v from 'valibot';
import { DataRef } from './data.ts';
import { anything, wholeNumber, id, number, text } from './values.ts';

const AdapterOrigin = v.union([
  v.object({ name: text, id }),
  v.object({ name: text, runId: id, step: wholeNumber }),
]);

export const Origin = v.object({
  time: number,
  model: v.object({ name: text, bundled: v.boolean(), fingerprint: text }),
  data: v.optional(
    v.object({
      name: text,
      version: v.optional(DataRef.entries.version),
      options: v.optional(anything),
    }),
  ),
  adapter: v.optional(AdapterOrigin),
});

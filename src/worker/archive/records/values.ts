/** Values that records of several kinds have. */
import * as v from 'valibot';

const MAX_TEXT = 10_000;
export const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
export const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
export const number = v.pipe(v.number(), v.finite());
export const wholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0));
export const anything = v.looseObject({});

export const Message = v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() });

/** How documents are searched, and a document with its text, its chunks and which of them have a vector. */
import * as v from 'valibot';
import { DocumentSettings } from '../../documents/settings.ts';
import { wholeNumber, id, number, text } from './values.ts';

export const DocumentIndexFile = v.object({ revision: id, settings: DocumentSettings });

const ascending = (places: readonly number[]): boolean =>
  places.every((place, at) => at === 0 || place >= places[at - 1]);

export const DocumentFile = v.pipe(
  v.object({
    file: v.pipe(text, v.minLength(1)),
    added: number,
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    bytes: wholeNumber,
    divided: text,
    encoder: v.optional(text),
    /** The encoding that its file was read in, if that was guessed. */
    guessed: v.optional(text),
    text: v.string(),
    pages: v.optional(v.array(wholeNumber)),
    headings: v.optional(v.array(v.object({ start: wholeNumber, end: wholeNumber }))),
    chunks: v.array(v.object({ start: wholeNumber, end: wholeNumber, tokens: wholeNumber })),
    /** The vectors are in a file of their own; missing without any. */
    vectors: v.optional(
      v.object({ size: v.pipe(wholeNumber, v.minValue(1)), missing: v.array(wholeNumber) }),
    ),
  }),
  v.check(
    ({ text: own, chunks }) => chunks.every(({ start, end }) => start < end && end <= own.length),
    'chunks inside of the text',
  ),
  v.check(
    ({ text: own, pages = [] }) => ascending(pages) && pages.every((at) => at <= own.length),
    'pages inside of the text, in order',
  ),
  v.check(
    ({ text: own, headings = [] }) => headings.every(({ start, end }) => start <= end && end <= own.length),
    'headings inside of the text',
  ),
  v.check(
    ({ chunks, vectors }) => vectors?.missing.every((at) => at < chunks.length) ?? true,
    'missing vectors of chunks that it has',
  ),
);
export type DocumentFile = v.InferOutput<typeof DocumentFile>;

/** How the documents of a project are searched: what is kept of it, and what it makes of a document. */
import * as v from 'valibot';
import { GraftError } from '../../errors.ts';
import { CHUNK_BORDERS, CHUNK_DEFAULTS } from '../../retrieval/chunks.ts';
import type { StoredDocument } from '../../storage/records.ts';

const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const prefix = v.pipe(v.string(), v.maxLength(1000));

/** As an archive holds it, too. */
export const DocumentSettings = v.object({
  chunking: v.object({ tokens: whole, overlap: whole, by: v.picklist(CHUNK_BORDERS) }),
  encoder: v.optional(
    v.object({
      name: v.pipe(v.string(), v.maxLength(1000)),
      passagePrefix: prefix,
      questionPrefix: prefix,
      /** Left out for weights as stored. */
      weights: v.optional(v.literal('int8')),
      /** The adapter that it is tuned with, and its name when it was chosen. */
      adapter: v.optional(
        v.object({ id: v.pipe(v.string(), v.maxLength(100)), name: v.pipe(v.string(), v.maxLength(1000)) }),
      ),
      /** Identifies its files: its tokenizer divides the texts. */
      content: v.string(),
      /** Identifies all that a vector depends on besides the text. */
      maker: v.string(),
    }),
  ),
});
export type DocumentSettings = v.InferOutput<typeof DocumentSettings>;

export const USUAL_SETTINGS: DocumentSettings = { chunking: { ...CHUNK_DEFAULTS, by: 'sentences' } };

/** What is kept, or the usual settings for what is not. */
export function documentSettings(stored: object | undefined): DocumentSettings {
  const read = v.safeParse(DocumentSettings, stored);
  return read.success ? read.output : USUAL_SETTINGS;
}

/** Identifies how a text is divided. @param tokenizer identifies the tokenizer that counts */
export function dividedBy(
  { chunking: { tokens, overlap, by } }: DocumentSettings,
  tokenizer: string,
): string {
  return `${by} ${tokens} ${overlap} ${tokenizer}`;
}

/** Whether a document is divided as the settings say. Without an encoder the tokens of any model will do. */
export function isCurrent({ divided }: Pick<StoredDocument, 'divided'>, settings: DocumentSettings): boolean {
  return settings.encoder
    ? divided === dividedBy(settings, settings.encoder.content)
    : divided.startsWith(dividedBy(settings, ''));
}

/** Chunks of a document that have a vector of the chosen encoder. */
export function vectorsOf(document: StoredDocument, { encoder }: DocumentSettings): number {
  return encoder && document.encoder === encoder.maker ? document.vectors : 0;
}

/** Chunks of a document whose vectors another encoder made. */
export function otherVectorsOf(document: StoredDocument, { encoder }: DocumentSettings): number {
  return encoder && document.encoder !== undefined && document.encoder !== encoder.maker
    ? document.vectors
    : 0;
}

/** The encoder, if it is the one that made the vectors. @throws GraftError `documents-encoder` */
export function sameMaker<Model extends { readonly maker: string }>(
  model: Model,
  { name, maker }: NonNullable<DocumentSettings['encoder']>,
): Model {
  if (model.maker === maker) return model;
  throw new GraftError(
    'documents-encoder',
    `The encoder that was chosen is not the model that is called ${name} now.`,
    'Choose the encoder again: then all vectors are computed again.',
  );
}

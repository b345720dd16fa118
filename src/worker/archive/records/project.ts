/** A project, the base model that it needs, and a model of the store. */
import * as v from 'valibot';
import { DataRef } from './data.ts';
import { anything, id, number, text } from './values.ts';

export const ProjectFile = v.object({
  id,
  name: text,
  created: number,
  changed: number,
  model: v.object({ name: text, bundled: v.boolean() }),
  data: v.optional(DataRef.entries.version),
  place: text,
  page: anything,
});

/** The base model of a project, which is in the zip only if that contains models. */
export const BaseFile = v.object({
  name: text,
  bundled: v.boolean(),
  /** Identifies its configuration, tokenizer and weights: `contentOf` of model/content.ts. */
  content: v.optional(text),
  source: v.optional(text),
  licence: v.optional(text),
});
export type BaseFile = v.InferOutput<typeof BaseFile>;

export const ModelFile = v.object({
  name: text,
  source: v.optional(text),
  licence: v.optional(text),
  files: v.array(text),
});

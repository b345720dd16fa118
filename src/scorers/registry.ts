/**
 * All scorers, in the order in which tables and lists have them. A verdict counts by the first. This list is the only place that names them all: whatever
 * a page, a flag, a check or a document offers is made from it (lists.ts).
 */
import { accuracy } from './accuracy.ts';
import { bleu } from './bleu.ts';
import { chrf } from './chrf.ts';
import { contains } from './contains.ts';
import { exactMatch } from './exact-match.ts';
import { fieldF1 } from './field-f1.ts';
import { formatTags } from './format-tags.ts';
import { javascript } from './javascript.ts';
import { jsonFields } from './json-fields.ts';
import { jsonSchema } from './json-schema.ts';
import { length } from './length.ts';
import { loss } from './loss.ts';
import { macroF1 } from './macro-f1.ts';
import { normalizedMatch } from './normalized-match.ts';
import { numberFlexible } from './number-flexible.ts';
import { numberMatch } from './number-match.ts';
import { numberStrict } from './number-strict.ts';
import { perplexity } from './perplexity.ts';
import { regex } from './regex.ts';
import { repetition } from './repetition.ts';
import { rouge1, rouge2, rougeLOfAll } from './rouge.ts';
import { rougeL } from './rouge-l.ts';
import type { Scorer } from './scorer.ts';
import { sentenceBleu } from './sentence-bleu.ts';
import { sentenceChrf } from './sentence-chrf.ts';
import { tokenAccuracy } from './token-accuracy.ts';
import { tokenF1 } from './token-f1.ts';
import { validJson } from './valid-json.ts';

const registry = [
  exactMatch,
  tokenF1,
  rougeL,
  chrf,
  loss,
  perplexity,
  tokenAccuracy,
  normalizedMatch,
  contains,
  numberStrict,
  numberFlexible,
  numberMatch,
  accuracy,
  macroF1,
  fieldF1,
  rouge1,
  rouge2,
  rougeLOfAll,
  bleu,
  sentenceBleu,
  sentenceChrf,
  validJson,
  jsonFields,
  jsonSchema,
  regex,
  repetition,
  length,
  formatTags,
  javascript,
] as const satisfies readonly Scorer[];

export type ScorerName = (typeof registry)[number]['name'];

export const SCORERS: readonly (Scorer & { readonly name: ScorerName })[] = registry;

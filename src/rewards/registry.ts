/** All rewards, in the order in which they are offered. */
import { exactMatch } from './exact-match.ts';
import { formatTags } from './format-tags.ts';
import { javascript } from './javascript.ts';
import { jsonFields } from './json-fields.ts';
import { jsonSchema } from './json-schema.ts';
import type { RewardKind } from './kind.ts';
import { length } from './length.ts';
import { normalisedMatch } from './normalised-match.ts';
import { numberMatch } from './number-match.ts';
import { regex } from './regex.ts';
import { validJson } from './valid-json.ts';

export const REWARDS: readonly RewardKind[] = [
  exactMatch,
  normalisedMatch,
  numberMatch,
  regex,
  validJson,
  jsonFields,
  jsonSchema,
  length,
  formatTags,
  javascript,
];

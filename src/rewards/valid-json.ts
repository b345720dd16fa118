/** 1 where a completion is JSON (RFC 8259) of at most MAX_JSON_DEPTH levels. */
import { FENCED, isJsonObject, jsonOf } from './json-text.ts';
import type { RewardKind, RewardSetting } from './kind.ts';

const SETTINGS = [
  {
    name: 'kind',
    part: 'run',
    type: 'choice',
    choices: ['any', 'object', 'array'],
    label: 'What it has to be',
    labels: { any: 'any value', object: 'an object', array: 'a list' },
    help: 'Any JSON value, an object or a list.',
    initial: 'any',
  },
  FENCED,
] as const satisfies readonly RewardSetting[];

export const validJson = {
  name: 'valid-json',
  label: 'Valid JSON',
  help: '1 where the completion is JSON.',
  settings: SETTINGS,
  range: [0, 1],
  open: ({ kind, fenced }) => ({
    score({ completion }) {
      const value = jsonOf(completion, fenced === true);
      if (value === undefined) return 0;
      return kind === 'any' || (kind === 'array' ? Array.isArray(value) : isJsonObject(value)) ? 1 : 0;
    },
  }),
} as const satisfies RewardKind;

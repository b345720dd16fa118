/** 1 if a completion is JSON (RFC 8259) of at most MAX_JSON_DEPTH levels. */
import { FENCED, isJsonObject, jsonOf } from './parts/json-text.ts';
import type { AttemptScorer, ScorerSetting, Need } from './scorer.ts';

const SETTINGS = [
  {
    name: 'kind',
    part: 'run',
    type: 'choice',
    choices: ['any', 'object', 'array'],
    label: 'What it has to be',
    labels: { any: 'any value', object: 'an object', array: 'a list' },
    help: 'Any JSON value, an object or a list.',
    default: 'any',
  },
  FENCED,
] as const satisfies readonly ScorerSetting[];

export const validJson = {
  of: 'attempts',
  name: 'valid-json',
  label: 'Valid JSON',
  heading: 'valid JSON',
  help: '1 if the completion is JSON.',
  entry: {
    title: 'Valid JSON',
    what: 'The answer is JSON of at most 64 levels. Its content does not count.',
    start:
      'For answers that a program reads. Add the fields or a schema, since a model can write {} every time.',
    source: 'RFC 8259, The JavaScript Object Notation (JSON) Data Interchange Format, 2017',
    also: 'json parse syntax structured output reward',
  },
  better: 'higher',
  format: (value: number) => value.toFixed(2),
  settings: SETTINGS,
  range: [0, 1],
  needs: (): readonly Need[] => [],
  open: ({ kind, fenced }) => ({
    score({ completion }) {
      const value = jsonOf(completion, fenced === true);
      if (value === undefined) return 0;
      return kind === 'any' || (kind === 'array' ? Array.isArray(value) : isJsonObject(value)) ? 1 : 0;
    },
  }),
} as const satisfies AttemptScorer;

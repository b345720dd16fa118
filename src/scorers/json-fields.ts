/** The share of fields in which a completion in JSON equals the reference answer. An extra field counts as a wrong one. */
import { FENCED, isJsonObject, jsonOf, sameJson } from './parts/json-text.ts';
import { referenceAnswer, type AttemptScorer, type ScorerSetting, type Need } from './scorer.ts';

const LONGEST_EXPECTED = 64 * 1024;

const SETTINGS = [
  {
    name: 'expected',
    part: 'run',
    type: 'text',
    holds: 'json',
    longest: LONGEST_EXPECTED,
    label: 'Expected object',
    help: "The same JSON for every row; each row's reference if left empty.",
    default: '',
  },
  FENCED,
] as const satisfies readonly ScorerSetting[];

export const jsonFields = {
  of: 'attempts',
  name: 'json-fields',
  label: 'Fields of JSON',
  heading: 'fields of JSON',
  help: 'The share of the fields that equal those of the reference, in any order. A field that is not in the reference counts as wrong.',
  entry: {
    title: 'Right fields of JSON',
    what: 'The share of the fields of a JSON object that are those of the reference, in any order. A field that is not in the reference counts as wrong.',
    source: 'RFC 8259, The JavaScript Object Notation (JSON) Data Interchange Format, 2017',
    also: 'json fields extraction keys values structured output reward',
  },
  better: 'higher',
  format: (value: number) => value.toFixed(2),
  settings: SETTINGS,
  range: [0, 1],
  needs: ({ expected }): readonly Need[] => (expected === '' ? ['reference'] : []),
  problem: ({ expected }) =>
    expected !== '' && jsonOf(String(expected), false) === undefined
      ? 'its expected object is not JSON'
      : undefined,
  open: ({ expected, fenced }) => ({
    score(attempt) {
      const wanted = jsonOf(expected === '' ? referenceAnswer(attempt) : String(expected), false);
      if (wanted === undefined) throw new Error('the reference is not JSON');
      const given = jsonOf(attempt.completion, fenced === true);
      if (!isJsonObject(wanted) || !isJsonObject(given)) return sameJson(wanted, given) ? 1 : 0;
      const keys = new Set([...Object.keys(wanted), ...Object.keys(given)]);
      if (keys.size === 0) return 1;
      let right = 0;
      for (const key of keys)
        if (Object.hasOwn(wanted, key) && Object.hasOwn(given, key) && sameJson(wanted[key], given[key]))
          right++;
      return right / keys.size;
    },
  }),
} as const satisfies AttemptScorer;

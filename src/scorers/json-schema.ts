/**
 * How well a completion in JSON matches a JSON Schema (a part of draft 2020-12). For an object with `properties` that is the share of correct
 * fields among those that are named there, required, or present and not allowed; for other schemas 1 or 0.
 */
import { FENCED, isJsonObject, jsonOf, type Json } from './parts/json-text.ts';
import type { AttemptScorer, ScorerSetting, Need } from './scorer.ts';
import { isValid, schemaProblem } from './parts/schema.ts';

const LONGEST_SCHEMA = 64 * 1024;

const SETTINGS = [
  {
    name: 'schema',
    part: 'run',
    type: 'text',
    holds: 'json',
    longest: LONGEST_SCHEMA,
    label: 'JSON Schema',
    help: 'A schema of the JSON: type, properties, required, additionalProperties, items, enum, const and limits.',
  },
  FENCED,
  {
    name: 'whole',
    part: 'run',
    type: 'switch',
    label: 'Valid as a whole',
    help: 'Give 1 only if the schema allows all of it, and else 0: no share of its fields.',
    default: false,
  },
] as const satisfies readonly ScorerSetting[];

/** @param schema one for which `schemaProblem` finds nothing */
function share(schema: Json, value: Json): number {
  if (isValid(schema, value)) return 1;
  if (!isJsonObject(schema) || !isJsonObject(value)) return 0;
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as readonly string[]) : [];
  const others = schema['additionalProperties'] ?? true;
  const isRight = (key: string): boolean =>
    Object.hasOwn(value, key)
      ? isValid(Object.hasOwn(properties, key) ? properties[key] : others, value[key])
      : !required.includes(key);
  const fields = new Set([
    ...Object.keys(properties).filter((key) => required.includes(key) || Object.hasOwn(value, key)),
    ...required,
    ...Object.keys(value).filter((key) => !Object.hasOwn(properties, key) && !isRight(key)),
  ]);
  const right = [...fields].filter(isRight).length;
  // A keyword other than those of fields may fail: the score then stays below 1.
  return right === fields.size ? 0 : right / fields.size;
}

export const jsonSchema = {
  of: 'attempts',
  name: 'json-schema',
  label: 'JSON by a schema',
  heading: 'JSON by a schema',
  help: '1 if the completion is JSON that the schema allows; for an object the share of its fields that are right.',
  entry: {
    title: 'JSON by a schema',
    what: 'The answer is JSON that a schema allows. For an object it is the share of its fields that are right.',
    source: 'JSON Schema, draft 2020-12, json-schema.org',
    also: 'json schema validation structured output reward',
  },
  better: 'higher',
  format: (value: number) => value.toFixed(2),
  settings: SETTINGS,
  range: [0, 1],
  counts: true,
  needs: (): readonly Need[] => [],
  problem({ schema }) {
    const json = jsonOf(String(schema), false);
    if (json === undefined) return 'its schema is not JSON';
    const wrong = schemaProblem(json);
    return wrong === undefined ? undefined : `its schema ${wrong}`;
  },
  open({ schema, fenced, whole }) {
    const json = jsonOf(String(schema), false) as Json;
    return {
      score({ completion }) {
        const value = jsonOf(completion, fenced === true);
        if (value === undefined) return 0;
        return whole === true ? Number(isValid(json, value)) : share(json, value);
      },
    };
  },
} as const satisfies AttemptScorer;

/**
 * A part of JSON Schema, draft 2020-12: the keywords below, each as its specification has it. Any other keyword is an error rather than a silently
 * missing check. Without `pattern`, `$ref` and combinations a check takes time in proportion to the value.
 */
import { isJsonObject, sameJson, type Json } from './json-text.ts';

const TYPES: Readonly<Record<string, (value: Json) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  array: (value) => Array.isArray(value),
  object: (value) => isJsonObject(value),
};

const isNumber = (value: Json): value is number => typeof value === 'number';
const isCount = (value: Json): boolean => Number.isInteger(value) && (value as number) >= 0;
const isText = (value: Json): value is string => typeof value === 'string';
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const characters = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

interface Keyword {
  /** Its allowed values, in words that follow “needs”. */
  readonly needs: string;
  readonly takes: (wanted: Json) => boolean;
  /** Whether a value passes. Values of other types than the keyword's do. */
  readonly passes: (value: Json, wanted: Json, schema: { readonly [key: string]: Json }) => boolean;
}

const limit = (passes: (value: number, wanted: number) => boolean): Keyword => ({
  needs: 'a number',
  takes: isNumber,
  passes: (value, wanted) => !isNumber(value) || passes(value, wanted as number),
});
const size = (sizeOf: (value: Json) => number | undefined, isMost: boolean): Keyword => ({
  needs: 'a whole number',
  takes: isCount,
  passes(value, wanted) {
    const found = sizeOf(value);
    return found === undefined || (isMost ? found <= (wanted as number) : found >= (wanted as number));
  },
});
const lengthOf = (value: Json): number | undefined => (isText(value) ? characters(value) : undefined);
const itemsOf = (value: Json): number | undefined => (isList(value) ? value.length : undefined);
const fieldsOf = (value: Json): number | undefined =>
  isJsonObject(value) ? Object.keys(value).length : undefined;

const isSchema = (value: Json): boolean => typeof value === 'boolean' || isJsonObject(value);

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  type: {
    needs: `one of ${Object.keys(TYPES).join(', ')}, or a list of them`,
    takes: (wanted) =>
      (isList(wanted) ? wanted : [wanted]).every((name) => isText(name) && Object.hasOwn(TYPES, name)),
    passes: (value, wanted) =>
      (isList(wanted) ? wanted : [wanted]).some((name) => TYPES[name as string](value)),
  },
  enum: {
    needs: 'a list',
    takes: isList,
    passes: (value, wanted) => (wanted as readonly Json[]).some((one) => sameJson(one, value)),
  },
  const: { needs: 'a value', takes: () => true, passes: sameJson },
  minimum: limit((value, wanted) => value >= wanted),
  maximum: limit((value, wanted) => value <= wanted),
  exclusiveMinimum: limit((value, wanted) => value > wanted),
  exclusiveMaximum: limit((value, wanted) => value < wanted),
  minLength: size(lengthOf, false),
  maxLength: size(lengthOf, true),
  minItems: size(itemsOf, false),
  maxItems: size(itemsOf, true),
  minProperties: size(fieldsOf, false),
  maxProperties: size(fieldsOf, true),
  required: {
    needs: 'a list of names',
    takes: (wanted) => isList(wanted) && wanted.every(isText),
    passes: (value, wanted) =>
      !isJsonObject(value) || (wanted as readonly string[]).every((key) => Object.hasOwn(value, key)),
  },
  properties: {
    needs: 'an object of schemas',
    takes: (wanted) => isJsonObject(wanted) && Object.values(wanted).every(isSchema),
    passes: (value, wanted) =>
      !isJsonObject(value) ||
      Object.entries(wanted as { readonly [key: string]: Json }).every(
        ([key, schema]) => !Object.hasOwn(value, key) || isValid(schema, value[key]),
      ),
  },
  additionalProperties: {
    needs: 'true, false or a schema',
    takes: isSchema,
    passes(value, wanted, { properties = {} }) {
      if (!isJsonObject(value)) return true;
      return Object.keys(value).every(
        (key) => Object.hasOwn(properties as object, key) || isValid(wanted, value[key]),
      );
    },
  },
  items: {
    needs: 'a schema',
    takes: isSchema,
    passes: (value, wanted) => !isList(value) || value.every((item) => isValid(wanted, item)),
  },
};

/** Keywords that check nothing. */
const NOTES = ['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples'];

/** Why a schema is refused, as the end of a sentence; undefined if it is accepted. @param at the place in it, for the message */
export function schemaProblem(schema: Json, at = ''): string | undefined {
  const where = at === '' ? '' : ` at ${at}`;
  if (typeof schema === 'boolean') return undefined;
  if (!isJsonObject(schema)) return `is neither an object nor true or false${where}`;
  for (const [name, wanted] of Object.entries(schema)) {
    if (NOTES.includes(name)) continue;
    const keyword = Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name] : undefined;
    if (!keyword)
      return `has ${JSON.stringify(name)}${where}, which is not checked here: it can have ${Object.keys(KEYWORDS).join(', ')}`;
    if (!keyword.takes(wanted)) return `has a wrong ${name}${where}, which needs ${keyword.needs}`;
    const inside: [string, Json][] =
      name === 'properties'
        ? Object.entries(wanted as { readonly [key: string]: Json })
        : name === 'items' || name === 'additionalProperties'
          ? [[name, wanted]]
          : [];
    for (const [key, part] of inside) {
      const problem = schemaProblem(part, at === '' ? key : `${at}.${key}`);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

/** Whether a value matches a schema. @param schema one for which `schemaProblem` finds nothing */
export function isValid(schema: Json, value: Json): boolean {
  if (typeof schema === 'boolean') return schema;
  const keywords = schema as { readonly [key: string]: Json };
  return Object.entries(keywords).every(
    ([name, wanted]) => NOTES.includes(name) || KEYWORDS[name].passes(value, wanted, keywords),
  );
}

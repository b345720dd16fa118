/** The part of JSON Schema that the schema of recipes uses, so that a test can check a recipe against it. */
type Schema = Readonly<Record<string, unknown>>;

export function accepts(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, given]) => {
    switch (keyword) {
      case 'type':
        return isOfType(given as string, value);
      case 'enum':
        return (given as unknown[]).includes(value);
      case 'minimum':
        return typeof value !== 'number' || value >= (given as number);
      case 'exclusiveMinimum':
        return typeof value !== 'number' || value > (given as number);
      case 'maximum':
        return typeof value !== 'number' || value <= (given as number);
      case 'exclusiveMaximum':
        return typeof value !== 'number' || value < (given as number);
      case 'maxLength':
        return typeof value !== 'string' || value.length <= (given as number);
      case 'pattern':
        return typeof value !== 'string' || new RegExp(given as string, 'u').test(value);
      case 'minItems':
        return !Array.isArray(value) || value.length >= (given as number);
      case 'uniqueItems':
        return !Array.isArray(value) || new Set(value).size === value.length;
      case 'maxItems':
        return !Array.isArray(value) || value.length <= (given as number);
      case 'const':
        return value === given;
      case 'oneOf':
        return (given as Schema[]).filter((one) => accepts(one, value)).length === 1;
      case 'required':
        return (
          objectOf(value) !== value || (given as string[]).every((key) => Object.hasOwn(objectOf(value), key))
        );
      case 'items':
        return !Array.isArray(value) || value.every((item) => accepts(given as Schema, item));
      case 'propertyNames':
        return Object.keys(objectOf(value)).every((key) => accepts(given as Schema, key));
      case 'properties':
        return Object.entries(objectOf(value)).every(
          ([key, item]) =>
            !Object.hasOwn(given as object, key) || accepts((given as Record<string, Schema>)[key], item),
        );
      case 'additionalProperties': {
        const known = (schema['properties'] ?? {}) as object;
        return Object.entries(objectOf(value)).every(
          ([key, item]) => Object.hasOwn(known, key) || (given !== false && accepts(given as Schema, item)),
        );
      }
      case '$schema':
      case 'title':
      case 'description':
      case 'default':
        return true;
      default:
        throw new Error(`The keyword ${keyword} is not known here`);
    }
  });
}

const objectOf = (value: unknown): object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

function isOfType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return objectOf(value) === value;
  return typeof value === type;
}

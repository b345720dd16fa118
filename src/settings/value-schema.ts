/** The values of one setting as JSON Schema. */
import type { Setting } from './setting.ts';
import { mayBeNone, PATTERN_KEY } from './values.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** The allowed values of a setting, without its description. */
export function schemaOf(setting: Setting): Schema {
  switch (setting.type) {
    case 'whole':
      return { type: 'integer', ...rangeOf(setting) };
    case 'number':
      return { type: 'number', ...rangeOf(setting) };
    case 'switch':
      return { type: 'boolean' };
    case 'choice':
      return { enum: setting.choices };
    case 'text':
      return { type: 'string', maxLength: setting.longest };
    case 'names':
      return {
        type: 'array',
        ...(!mayBeNone(setting) && { minItems: 1 }),
        items: { type: 'string', pattern: '\\S' },
      };
    case 'numbers':
      return { type: 'array', uniqueItems: true, items: { type: 'integer', ...rangeOf(setting) } };
    case 'pattern':
      return {
        type: 'object',
        propertyNames: { pattern: PATTERN_KEY.source },
        additionalProperties: { type: setting.whole ? 'integer' : 'number', ...rangeOf(setting) },
      };
    case 'rewards':
      return setting.schema();
  }
}

function rangeOf({
  least,
  above,
  most,
  below,
}: Extract<Setting, { type: 'whole' | 'number' | 'numbers' | 'pattern' }>): Schema {
  return {
    ...(least !== undefined && { minimum: least }),
    ...(above !== undefined && { exclusiveMinimum: above }),
    ...(most !== undefined && { maximum: most }),
    ...(below !== undefined && { exclusiveMaximum: below }),
  };
}

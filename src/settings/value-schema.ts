/** The values of one setting as JSON Schema. */
import type { Setting } from './setting.ts';
import { mayBeNone, PATTERN_KEY } from './values.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** The allowed values of a setting, without its description. */
export function schemaOf(setting: Setting): Schema {
  switch (setting.type) {
    case 'integer':
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
  min,
  above,
  max,
  below,
}: Extract<Setting, { type: 'integer' | 'number' | 'numbers' | 'pattern' }>): Schema {
  return {
    ...(min !== undefined && { minimum: min }),
    ...(above !== undefined && { exclusiveMinimum: above }),
    ...(max !== undefined && { maximum: max }),
    ...(below !== undefined && { exclusiveMaximum: below }),
  };
}

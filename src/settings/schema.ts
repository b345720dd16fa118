/** What a recipe may hold, as JSON Schema: public/recipe.schema.json is this, for editors and other programs. */
import type { Setting } from './setting.ts';
import { TABLE } from './table.ts';
import { PATTERN_KEY } from './values.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Rules between settings are not in it: who reads a recipe checks them as well. */
export function recipeSchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Graft recipe',
    description: 'The settings of a run, for graft train --recipe FILE and for the page.',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      ...Object.fromEntries(TABLE.settings.map((setting) => [setting.name, propertyOf(setting)])),
    },
  };
}

function propertyOf(setting: Setting): Schema {
  const { help, more, initially } = setting;
  const initial = initially === undefined ? TABLE.resolve({})[setting.name] : undefined;
  return {
    description: [help, more].filter(Boolean).join(' '),
    ...typeOf(setting),
    ...(initial !== undefined && { default: initial }),
  };
}

function typeOf(setting: Setting): Schema {
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
      return { type: 'array', minItems: 1, items: { type: 'string', pattern: '\\S' } };
    case 'pattern':
      return {
        type: 'object',
        propertyNames: { pattern: PATTERN_KEY.source },
        additionalProperties: { type: setting.whole ? 'integer' : 'number', ...rangeOf(setting) },
      };
  }
}

function rangeOf({
  least,
  above,
  most,
  below,
}: Extract<Setting, { type: 'whole' | 'number' | 'pattern' }>): Schema {
  return {
    ...(least !== undefined && { minimum: least }),
    ...(above !== undefined && { exclusiveMinimum: above }),
    ...(most !== undefined && { maximum: most }),
    ...(below !== undefined && { exclusiveMaximum: below }),
  };
}

/** The schema as a file. */
export function writeSchema(): string {
  return `${JSON.stringify(recipeSchema(), null, 2)}\n`;
}

/** The JSON Schema of a recipe: public/recipe.schema.json, for editors and other programs. */
import type { Setting } from './setting.ts';
import { TABLE } from './table.ts';
import { schemaOf, type Schema } from './value-schema.ts';

/** Rules between settings are not in it: reading a recipe checks them as well. */
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
  const { help, more, defaultText } = setting;
  const initial = defaultText === undefined ? TABLE.resolve({})[setting.name] : undefined;
  return {
    description: [help, more].filter(Boolean).join(' '),
    ...schemaOf(setting),
    ...(initial !== undefined && { default: initial }),
  };
}

/** The schema as a file. */
export function writeSchema(): string {
  return `${JSON.stringify(recipeSchema(), null, 2)}\n`;
}

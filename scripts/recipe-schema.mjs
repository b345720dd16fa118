// @ts-check
/** Writes public/recipe.schema.json from the table of settings: `node --import tsx scripts/recipe-schema.mjs`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSchema } from '../src/settings/schema.ts';

writeFileSync(join(import.meta.dirname, '../public/recipe.schema.json'), writeSchema());

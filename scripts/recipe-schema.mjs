// @ts-check
/** Writes public/recipe.schema.json from the table of settings: `node scripts/recipe-schema.mjs`. */
import { writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { register as registerTypeScript } from 'tsx/esm/api';

// As bin/graft.mjs: optimisers bring their kernels as text.
register('../bin/wgsl-loader.mjs', import.meta.url);
registerTypeScript();
const { writeSchema } = await import('../src/settings/schema.ts');

writeFileSync(join(import.meta.dirname, '../public/recipe.schema.json'), writeSchema());

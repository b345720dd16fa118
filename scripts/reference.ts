/**
 * Writes the generated pages of docs/reference from the tables of the sources: `npm run reference`. A unit test fails if a page is not up to date
 * (tests/unit/reference.test.ts).
 */
import { writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';

// As bin/graft.mjs: optimisers bring their kernels as text.
register('../bin/wgsl-loader.mjs', import.meta.url);
const { referencePages } = await import('./reference/pages.ts');

for (const [page, text] of Object.entries(await referencePages()))
  writeFileSync(join(import.meta.dirname, '../docs/reference', page), text);

/** The generated pages of the reference are those of today's tables. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referencePages } from '../../scripts/reference/pages.ts';

test.each(Object.entries(await referencePages()))(
  'docs/reference/%s is up to date (npm run reference writes it)',
  (name, text) => {
    const written = readFileSync(join(import.meta.dirname, '../../docs/reference', name), 'utf8');
    // Line by line, so that a failure shows the lines that differ.
    expect(written.split('\n')).toEqual(text.split('\n'));
  },
);

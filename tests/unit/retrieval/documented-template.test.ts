import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULT_TEMPLATE } from '../../../src/retrieval/passages-prompt.ts';

test('the documentation shows the default template of passages', () => {
  const page = readFileSync(new URL('../../../docs/how-to/retrieval.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`jinja\n${DEFAULT_TEMPLATE}\`\`\`\n`);
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFAULT_ANSWER_TEMPLATE } from '../../../src/retrieval/answer-template.ts';
import { DEFAULT_TEMPLATE } from '../../../src/retrieval/passages-template.ts';

test('the documentation shows the default templates of passages and answers', () => {
  const page = readFileSync(new URL('../../../docs/how-to/retrieval.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`jinja\n${DEFAULT_TEMPLATE}\`\`\`\n`);
  expect(page).toContain(`\`\`\`jinja\n${DEFAULT_ANSWER_TEMPLATE}\n\`\`\`\n`);
});

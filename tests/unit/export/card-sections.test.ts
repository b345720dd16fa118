/** What a card gets after it was written: rows of its table, and the measured table. */
import { expect, test } from 'vitest';
import { measuredSection } from '../../../src/evaluate/measured-section.ts';
import { recordOf, type Evaluation, type SubjectColumns } from '../../../src/evaluate/record.ts';
import { EXACT_MATCH } from '../../../src/scorers/parts/share.ts';
import { modelCard, withRows, withSection } from '../../../src/export/model-card.ts';

const CONFIG = { rank: 4, alpha: 8, targets: ['q_proj'] };
const CARD = modelCard(CONFIG, {
  ...{ baseModel: 'org/base', objective: 'Supervised', baseLicence: 'mit', dataSha256: 'a'.repeat(64) },
  rows: 12,
});

const subject = (label: string, answers: readonly string[], more: object = {}): SubjectColumns => ({
  subject: { method: label === 'voice' ? 'adapter' : 'base', label, ...more },
  answers: answers.map((text) => ({ text })),
  scores: { [EXACT_MATCH]: answers.map((text) => (text === 'yes' ? 1 : 0)) },
});
const RECORD: Evaluation = recordOf(
  {
    time: Date.UTC(2026, 0, 2),
    model: { name: 'base', bundled: false },
    data: { name: 'rows|mine.jsonl' },
  },
  [1, 2].map((line) => ({ prompt: `Say ${line}`, expected: 'yes' })),
  [
    subject('base', ['no', 'no'], { loss: { loss: 2, perplexity: 7.389, supervisedTokens: 4 } }),
    subject('voice', ['yes', 'no']),
    subject('broken', [], { failed: 'no memory' }),
  ],
  [{ name: EXACT_MATCH }],
);

test('a card has the method, the licence of the base and the hash of the data', () => {
  expect(CARD).toContain('| Licence of the base | mit |');
  expect(CARD).toMatch(/\| Method \| LoRA.*, Supervised \|/);
  expect(CARD).toContain(`| Training data, SHA-256 | ${'a'.repeat(64)} |`);
});

test('a row is added to the table once, and a card of another program stays as it is', () => {
  const more = withRows(CARD, [
    ['Licence of the base', 'apache-2.0'],
    ['Mine', 'a|b'],
    ['None', undefined],
  ]);
  expect(more).toContain('| Licence of the base | mit |');
  expect(more).not.toContain('apache-2.0');
  expect(more).toContain('| Mine | a\\|b |\n');
  expect(more.indexOf('| Mine |')).toBeLessThan(more.indexOf('## Load it'));
  expect(withRows('# Card\n\ntext\n', [['Mine', 'x']])).toBe('# Card\n\ntext\n');
});

test('the measured table has every subject that could be measured, and only columns with numbers', () => {
  const section = measuredSection(RECORD);
  expect(section).toContain('On 2 test rows of rows|mine.jsonl, 2026-01-02.');
  expect(section).toContain('|  | exactly right | 95% interval | perplexity of the reference |');
  expect(section).toMatch(/\| base \| 0 of 2 \| 0% to \d+% \| 7\.39 \|/);
  expect(section).toMatch(/\| voice \| 1 of 2 \| \d+% to \d+% \| {2}\|/);
  expect(section).not.toContain('broken');
});

test('a section goes before the one that says how to load it, and replaces an earlier one', () => {
  const once = withSection(CARD, measuredSection(RECORD));
  expect(once.indexOf('## Measured')).toBeLessThan(once.indexOf('## Load it'));
  expect(once.replace(`${measuredSection(RECORD)}\n`, '')).toBe(CARD);
  const twice = withSection(once, '## Measured\n\nAgain.\n');
  expect(twice.match(/## Measured/g)).toHaveLength(1);
  expect(twice).toContain('\n\n## Measured\n\nAgain.\n\n## Load it\n');
  expect(withSection('# Card\n', '## Measured\n\nHere.\n')).toBe('# Card\n\n## Measured\n\nHere.\n');
});

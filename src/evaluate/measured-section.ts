/** The measured table of a model card: every subject of an evaluation on the same rows. */
import { percent, plural, threeDigits } from '../numbers.ts';
import { mean } from '../averages.ts';
import { sideOf } from './sides.ts';
import type { Evaluation } from './record.ts';

/** A text for a cell of a Markdown table. */
const cell = (text: string): string => text.replace(/[\r\n]+/g, ' ').replace(/\|/g, '\\|');

/** A section in Markdown, which ends with a line break. Columns without any number are left out. */
export function measuredSection(record: Evaluation): string {
  const { items, made } = record;
  const sides = record.subjects.map((_, at) => sideOf(record, at)).filter(({ subject }) => !subject.failed);
  const columns: readonly (readonly [string, readonly (string | undefined)[]])[] = [
    [
      'exactly right',
      sides.map(({ exact }) => (exact.total > 0 ? `${exact.count} of ${exact.total}` : undefined)),
    ],
    [
      '95% interval',
      sides.map(({ exact }) =>
        exact.total > 0 ? `${percent(exact.interval[0])} to ${percent(exact.interval[1])}` : undefined,
      ),
    ],
    [
      'perplexity of the reference',
      sides.map(({ subject: { loss } }) => loss && threeDigits(loss.perplexity)),
    ],
    [
      'mean reward',
      sides.map(({ rewards }) => (rewards && rewards.length > 0 ? threeDigits(mean(rewards)) : undefined)),
    ],
  ];
  const shown = columns.filter(([, values]) => values.some((value) => value !== undefined));
  const lines = sides.map(
    ({ subject }, at) =>
      `| ${[subject.label, ...shown.map(([, values]) => values[at] ?? '')].map(cell).join(' | ')} |`,
  );
  const rows = items.length > 0 ? `${plural(items.length, 'test row')}` : 'the test rows';
  const from = made.data ? ` of ${made.data.name.replace(/[\r\n]+/g, ' ')}` : '';
  return `## Measured

On ${rows}${from}, ${new Date(made.time).toISOString().slice(0, 10)}. All were asked the same rows.

| ${['', ...shown.map(([name]) => name)].join(' | ')} |
|---|${'---|'.repeat(shown.length)}
${lines.join('\n')}
`;
}

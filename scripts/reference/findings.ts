/** docs/reference/findings.md: what `graft check` finds, from the registry of findings. */
import { FINDINGS, type FindingKind } from '../../src/data/findings/finding.ts';
import { code, heading, page, plain, table } from './markdown.ts';

const INTRODUCTION = `What \`graft check\` and the page find in rows ([how to check rows](../how-to/check.md)). \`error\`: a run on these rows would be wasted, and the command exits with 1. \`warning\`: the run
would be worse than it has to be. \`note\`: something to look at. A warning about what is learned becomes an error if it is about most of the rows.`;

export function findingsPage(): string {
  return page(
    heading('Findings'),
    INTRODUCTION,
    table(
      ['id', 'severity', 'what it means', 'what to do'],
      Object.entries<FindingKind>(FINDINGS).map(([id, { severity, why, mend }]) => [
        code(id),
        severity,
        plain(why),
        plain(mend),
      ]),
    ),
  );
}

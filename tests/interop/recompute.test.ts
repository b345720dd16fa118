/** scripts/recompute.py on files that the page exports: a few lines of Python get the same scores, flips, p-values and intervals. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { recordOf, type Evaluation } from '../../src/evaluate/record.ts';
import { pageReportFiles } from '../../src/evaluate/report-files.ts';
import { isExactMatch } from '../../src/scorers/exact-match.ts';

const python = process.env['GRAFT_PYTHON'];
if (python === undefined)
  console.warn(
    'SKIPPED: the evaluation is not computed again without GRAFT_PYTHON; node scripts/python.mjs prints one.',
  );
const folder = mkdtempSync(join(tmpdir(), 'graft-recompute-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 45;
/** Answers with articles, punctuation and white space that Python and JavaScript call by other names. @param rowsOfGroup rows that share a group */
function recordWith(rowsOfGroup: number): Evaluation {
  const items = Array.from({ length: ROWS }, (_, at) => ({
    ...{ row: at, line: at + 1, prompt: `Question ${at}` },
    expected: at % 3 === 0 ? 'The refund, today' : `order ${at % 5}`,
    ...(rowsOfGroup > 1 && { group: `ticket ${Math.floor(at / rowsOfGroup)}` }),
  }));
  const answersBy = (isRight: (at: number) => boolean) =>
    items.map(({ expected }, at) => ({ text: isRight(at) ? `\ufeff ${expected}\n` : `a refund ${at % 2}` }));
  const column = (subject: Evaluation['subjects'][number], isRight: (at: number) => boolean) => {
    const answers = answersBy(isRight);
    const scores = answers.map(({ text }, at) => Number(isExactMatch(text, items[at].expected)));
    return { subject, answers, scores: { 'exact-match': scores } };
  };
  return recordOf(
    {
      ...{ time: 0, model: { name: 'sprig', bundled: true } },
      draw: { seed: 42, of: ROWS, test: ROWS, tooLong: 0 },
      ...(rowsOfGroup > 1 && { groupedBy: 'ticket' }),
    },
    items,
    [
      column({ method: 'base', label: 'Base model' }, (at) => at % 4 === 0),
      column(
        {
          method: 'adapter',
          label: 'mails',
          adapter: { name: 'mails', id: 'a' },
          seen: { asked: 0, test: 0, of: ROWS },
        },
        (at) => at % 3 !== 1,
      ),
    ],
    [{ name: 'exact-match' }],
  );
}

const recompute = (path: string) => {
  const { status, stdout, stderr } = spawnSync(python!, ['scripts/recompute.py', path], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
};

test.skipIf(python === undefined)(
  'scores, flips, p-values and intervals are those of a script in Python',
  () => {
    for (const [rowsOfGroup, name] of [
      [1, 'McNemar'],
      [3, 'sign flips over groups'],
    ] as const) {
      const files = pageReportFiles(recordWith(rowsOfGroup), []);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
      const { status, said } = recompute(folder);
      expect(said).toMatch(/All numbers that were computed again are the same\.\n$/);
      expect(said).toContain(`mails against base, exact p (${name}): recorded`);
      expect(said).toContain('mails, token-f1: recorded');
      expect(status).toBe(0);
    }
    const report = join(folder, 'report.json');
    const changed = pageReportFiles(recordWith(1), [])['report.json'].replace(
      /"only_adapter": (\d+)/,
      '"only_adapter": 1',
    );
    writeFileSync(report, changed);
    const { status, said } = recompute(report);
    expect(status).toBe(1);
    expect(said).toContain('DIFFERS mails against base, only it is right');
  },
);

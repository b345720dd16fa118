/** The check of rows before a run: every rule, and what it found as one list. The page and `graft check` share it. */
import type { Example, RowFault } from '../example.ts';
import type { ReadResult } from '../collector.ts';
import { findFaults, findLongAnswers } from './answers.ts';
import { findContradictions, findCopies, findNearCopies, findNearTest } from './copies.ts';
import {
  FINDINGS,
  type Checked,
  type CheckRow,
  type Finding,
  type FindingId,
  type Found,
  type Rule,
  type Severity,
} from './finding.ts';
import { findImbalance, findWrongLabels } from './labels.ts';
import { findLanguageMix } from './languages.ts';
import { findFewTestRows, findLeaks } from './leaks.ts';
import { findPairs } from './pairs.ts';
import { findPrivate } from './private.ts';
import { findInTokens, findUnsupervised } from './tokens.ts';

const RULES: readonly Rule[] = [
  findUnsupervised,
  findInTokens,
  findFaults,
  findLongAnswers,
  findCopies,
  findNearCopies,
  findContradictions,
  findLeaks,
  findNearTest,
  findImbalance,
  findWrongLabels,
  findLanguageMix,
  findFewTestRows,
  findPrivate,
  findPairs,
];

/** Findings that are about a whole file and name no rows. */
const OF_FILES: ReadonlySet<FindingId> = new Set(['few-test-rows']);
const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** @returns what was found, the gravest first; one finding of each kind */
export function checkRows(checked: Checked): Finding[] {
  const found = RULES.flatMap((rule) => rule(checked)).filter(
    ({ id, rows }) => rows.length > 0 || OF_FILES.has(id),
  );
  const byId = new Map<FindingId, Found[]>();
  for (const one of found) byId.set(one.id, [...(byId.get(one.id) ?? []), one]);
  return [...byId].map(([id, all]) => findingOf(id, all)).sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function findingOf(id: FindingId, all: readonly Found[]): Finding {
  const { severity: usual, why, mend } = FINDINGS[id];
  const rows = [...new Set(all.flatMap((one) => one.rows))].sort((a, b) => a - b);
  const severity = all.map((one) => one.severity ?? usual).sort((a, b) => RANK[a] - RANK[b])[0];
  const details = all.flatMap(({ detail }) => detail ?? []);
  return { id, severity, rows, why: [...details, why].join(' '), mend };
}

/** The rows of a file in their order, those that cannot be read among them. @param read with all of its problems listed */
export function checkRowsOf({ examples, problems }: Pick<ReadResult, 'examples' | 'problems'>): CheckRow[] {
  const rows: { readonly line: number; readonly example?: Example; readonly fault?: RowFault }[] = [
    ...examples.map((example) => ({ line: example.line, example })),
    ...problems.map(({ line, fault }) => ({ line, ...(fault !== undefined && { fault }) })),
  ];
  return rows.sort((a, b) => a.line - b.line).map(({ line: _, ...one }, row) => ({ row, ...one }));
}

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
} from './finding.ts';
import { byGravity } from './gravity.ts';
import { findImbalance, findWrongLabels } from './labels.ts';
import { findLanguageMix } from './languages.ts';
import { findFewTestRows, findLeaks } from './leaks.ts';
import { findPairs } from './pairs.ts';
import { findPrivate } from './private.ts';
import { whole } from './slow.ts';
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

/** @returns what was found, the gravest first; one finding of each kind */
export const checkRows = (checked: Checked): Finding[] => whole(checking(checked));

/** The same with pauses. Yields the share of the rules that is done. */
export function* checking(checked: Checked): Generator<number, Finding[]> {
  const found: Found[] = [];
  for (const [done, rule] of RULES.entries()) {
    const result = rule(checked);
    if ('next' in result) {
      let step = result.next();
      for (; step.done !== true; step = result.next()) yield done / RULES.length;
      found.push(...step.value);
    } else found.push(...result);
    yield (done + 1) / RULES.length;
  }
  const byId = new Map<FindingId, Found[]>();
  for (const one of found)
    if (one.rows.length > 0 || OF_FILES.has(one.id)) byId.set(one.id, [...(byId.get(one.id) ?? []), one]);
  return [...byId].map(([id, all]) => findingOf(id, all)).sort(byGravity);
}

/** The rows of several rules as one finding of a kind, in their order, at the gravest of their severities. */
export function findingOf(id: FindingId, all: readonly Found[]): Finding {
  const { severity: usual, why, mend } = FINDINGS[id];
  const rows = [...new Set(all.flatMap((one) => one.rows))].sort((a, b) => a - b);
  const [{ severity }] = all.map((one) => ({ severity: one.severity ?? usual })).sort(byGravity);
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

/** The check of rows before a run: every rule, and what it found as one list. The page and `graft check` share it. */
import { itemsOf, type List } from '../../lists.ts';
import type { Example, RowFault } from '../example.ts';
import type { ReadResult } from '../collector.ts';
import type { RowIndex } from '../row-index.ts';
import { findFaults, findLongAnswers } from './answers.ts';
import { findContradictions } from './contradictions.ts';
import { findCopies } from './copies.ts';
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
import { findInLabels } from './labels.ts';
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
  findContradictions,
  findLeaks,
  findInLabels,
  findLanguageMix,
  findFewTestRows,
  findPrivate,
  findPairs,
];

/** Findings that are about a whole file and name no rows. */
const OF_FILES: ReadonlySet<FindingId> = new Set(['few-test-rows']);

/** @returns what was found, the gravest first; one finding of each kind */
export const checkRows = (checked: Checked): Finding[] => whole(checking(checked));

/** The share of a check after which every row was seen once: then rules look again at some. */
const SEEN = 0.5;

/** The same with pauses. Yields the share that is done. */
export function* checking(checked: Checked): Generator<number, Finding[]> {
  const rules = RULES.map((rule) => rule(checked));
  for (const rule of rules)
    if (rule.before) {
      const work = rule.before();
      while (work.next().done !== true) yield 0;
    }
  let done = 0;
  for (const row of itemsOf(checked.rows)) {
    for (const rule of rules) rule.see?.(row);
    yield (SEEN * ++done) / checked.rows.length;
  }
  const found: Found[] = [];
  // A rule that is done lets go of what it kept.
  for (let left = rules.length; left > 0; left--) {
    const share = 1 - ((1 - SEEN) * left) / RULES.length;
    const result = rules.shift()!.found();
    if ('next' in result) {
      let step = result.next();
      for (; step.done !== true; step = result.next()) yield share;
      found.push(...step.value);
    } else found.push(...result);
    yield share;
  }
  const byId = new Map<FindingId, Found[]>();
  for (const one of found)
    if (one.rows.length > 0 || OF_FILES.has(one.id)) byId.set(one.id, [...(byId.get(one.id) ?? []), one]);
  return [...byId].map(([id, all]) => findingOf(id, all)).sort(byGravity);
}

/** The rows of several rules as one finding of a kind, in their order, at the gravest of their severities. */
export function findingOf(id: FindingId, all: readonly Found[]): Finding {
  const { severity: usual, why, mend } = FINDINGS[id];
  const sorted = Uint32Array.from(all.flatMap((one) => one.rows)).sort();
  const rows = Array.from(sorted.filter((row, at) => at === 0 || row !== sorted[at - 1]));
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

/** The same of a file of which only an index is held. Each row is read again when it is asked for. */
export function checkRowsOfIndex(index: RowIndex, problems: ReadResult['problems']): List<CheckRow> {
  /** Rows by their places: one more than the place in the index, or the problem as a number below 0. */
  const places = new Int32Array(index.length + problems.length);
  let [row, problem] = [0, 0];
  for (let at = 0; at < places.length; at++) {
    const isRow =
      problem === problems.length || (row < index.length && index.lineOf(row) < problems[problem].line);
    places[at] = isRow ? ++row : -++problem;
  }
  return {
    length: places.length,
    at(at) {
      const place = places.at(at);
      if (at < 0 || place === undefined) return undefined;
      if (place > 0) return { row: at, example: index.exampleOf(place - 1) };
      const { fault } = problems[-place - 1];
      return { row: at, ...(fault !== undefined && { fault }) };
    },
  };
}

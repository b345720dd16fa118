/** Pairs and judged answers from which little can be learned. */
import { effectOf, findIdlePairs, MIN_PAIRS, MAJOR_EFFECT } from '../preference-lint.ts';
import type { Checked, Found } from './finding.ts';
import { answerOf, readRowTexts } from './texts.ts';

export function findPairs({ rows }: Checked): Found[] {
  const read = readRowTexts(rows);
  const { alike, flipped } = findIdlePairs(read.map(({ example }) => example));
  const refused = rows.flatMap(({ row, fault }) => (fault === 'identical-pair' ? [row] : []));
  const idle = [...alike.map((at) => read[at].row), ...refused];
  const isAll = idle.length > 0 && idle.length === rows.length;
  return [
    { id: 'identical-pairs', rows: idle, ...(isAll && { severity: 'error' as const }) },
    { id: 'opposed-pairs', rows: flipped.map((at) => read[at].row) },
    ...lengthBias(rows),
    ...oneSided(rows),
  ];
}

/** Texts of both answers of each pair. */
function sidesOf(rows: Checked['rows']): { row: number; chosen: string; rejected: string }[] {
  return readRowTexts(rows).flatMap(({ row, example }) =>
    example.kind === 'pair'
      ? [
          {
            row,
            chosen: answerOf({ ...example.chosen, line: 0 }),
            rejected: answerOf({ ...example.rejected, line: 0 }),
          },
        ]
      : [],
  );
}

/** By the characters of the answers, which need no tokenizer. */
function lengthBias(rows: Checked['rows']): Found[] {
  const sides = sidesOf(rows).filter(({ chosen, rejected }) => chosen !== '' || rejected !== '');
  if (sides.length < MIN_PAIRS) return [];
  const { chosen, rejected, effect } = effectOf(
    sides.map((side) => side.chosen.length),
    sides.map((side) => side.rejected.length),
  );
  if (Math.abs(effect) < MAJOR_EFFECT) return [];
  const isBiased = (side: (typeof sides)[number]): boolean =>
    (side.chosen.length - side.rejected.length) * effect > 0;
  return [
    {
      id: 'length-bias',
      rows: sides.filter(isBiased).map(({ row }) => row),
      detail: `Chosen answers have ${chosen.toFixed(0)} characters on average, and rejected ones ${rejected.toFixed(0)}.`,
    },
  ];
}

/** From this share on, one text is always one side of the pairs. */
const ALWAYS = 0.9;

function oneSided(rows: Checked['rows']): Found[] {
  const judged = readRowTexts(rows).flatMap(({ row, example }) =>
    example.kind === 'unpaired' ? [{ row, desirable: example.desirable }] : [],
  );
  const found: Found[] = [];
  if (judged.length > 0 && new Set(judged.map(({ desirable }) => desirable)).size === 1)
    found.push({
      id: 'one-sided',
      rows: judged.map(({ row }) => row),
      detail: `Every answer is marked as ${judged[0].desirable ? 'desirable' : 'undesirable'}.`,
      severity: 'error',
    });
  const sides = sidesOf(rows);
  if (sides.length < MIN_PAIRS) return found;
  for (const side of ['chosen', 'rejected'] as const) {
    const groups = new Map<string, number[]>();
    for (const { row, [side]: answer } of sides) {
      const group = groups.get(answer);
      if (group) group.push(row);
      else if (answer !== '') groups.set(answer, [row]);
    }
    const largest = [...groups.values()].reduce(
      (max, group) => (group.length > max.length ? group : max),
      [],
    );
    if (largest.length >= ALWAYS * sides.length)
      found.push({
        id: 'one-sided',
        rows: largest,
        detail: `${largest.length} of ${sides.length} pairs have the same ${side} answer.`,
      });
  }
  return found;
}

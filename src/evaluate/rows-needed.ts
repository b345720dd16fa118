/** How many test rows a verdict needs: rows on which the exact McNemar test of `paired.ts` sees a difference that is there. */
import { LEVEL } from './chance.ts';
import { mcnemar } from './paired.ts';
import { binomial } from './sign-flip.ts';

/** How often the test should see the difference. */
const POWER = 0.8;
/** The share of rows that only the worse method gets right; the better one gets so many and the difference. Without such rows fewer would be needed. */
const LOST = 0.05;
/** More rows than this are not looked for. */
const MAX_ROWS = 2000;

/** The chance to see a difference in the share of right answers on so many rows. @param difference above 0, below 0.9 */
export function powerOf(rows: number, difference: number): number {
  const differing = difference + 2 * LOST;
  const won = (difference + LOST) / differing;
  return binomial(rows, differing).reduce(
    (sum, chance, count) => sum + (chance < Number.EPSILON ? 0 : chance * seenAmong(count, won)),
    0,
  );
}

/** The chance that the better method wins significantly, if it wins a share of so many rows that differ. */
function seenAmong(differing: number, won: number): number {
  const max = mostLosses(differing);
  if (max < 0) return 0;
  return binomial(differing, 1 - won)
    .subarray(0, max + 1)
    .reduce((sum, chance) => sum + chance, 0);
}

/** The most losses among rows that differ with which the rest are significantly more; −1 if there are too few rows. By the number of rows. */
const losses: number[] = [];

function mostLosses(differing: number): number {
  for (let rows = losses.length; rows <= differing; rows++) {
    let max = rows === 0 ? -1 : losses[rows - 1];
    while (2 * (max + 1) < rows && mcnemar(rows - max - 1, max + 1) < LEVEL) max++;
    losses.push(max);
  }
  return losses[differing];
}

/** The fewest rows, in tens, on which a difference is seen four times of five; undefined if 2,000 are too few. */
export function rowsNeeded(difference: number): number | undefined {
  for (let rows = 10; rows <= MAX_ROWS; rows += 10) if (powerOf(rows, difference) >= POWER) return rows;
  return undefined;
}

/** The largest difference that is looked for. */
const MAX_POINTS = 85;

/** The smallest difference, in points of 100, that so many rows show four times of five; undefined if they are too few for any. */
export function pointsSeen(rows: number): number | undefined {
  for (let points = 1; points <= MAX_POINTS; points++)
    if (powerOf(rows, points / 100) >= POWER) return points;
  return undefined;
}

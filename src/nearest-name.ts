/** Suggestions for misspelt names. */

/**
 * The name that differs least from what was typed, by letters inserted, left out, changed or swapped with their neighbour, or by words that
 * one of them has more at its end (`batch-size` for `batch`); undefined where none is near (more than a third of the letters differ).
 */
export function nearestName(typed: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, distance: typed !== '' && begins(typed, name) ? 0.5 : distance(typed, name) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked.at(0);
  return best && best.distance <= Math.max(1, Math.max(typed.length, best.name.length) / 3)
    ? best.name
    : undefined;
}

function begins(typed: string, name: string): boolean {
  return name.startsWith(typed) || typed.startsWith(`${name}-`);
}

/** Optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2] + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}

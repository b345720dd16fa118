/** How many of the first tokens two prompts have in common. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const max = Math.min(a.length, b.length);
  let equal = 0;
  while (equal < max && a[equal] === b[equal]) equal++;
  return equal;
}

/** Lengths of texts in use next to those of the training rows, as a histogram of shares. */

export interface LengthBin {
  /** Characters, from this many up to and without `to`; the last bin has all longer texts as well. */
  readonly from: number;
  readonly to: number;
  /** Shares of the texts, in [0, 1]. */
  readonly now: number;
  /** Missing without training rows. */
  readonly before?: number;
}

const BINS = 10;
/** The last bin starts before the longest twentieth: one long text would crush the others. */
const SHOWN = 0.95;

/** The next of 1, 2, 5, 10, 20, 50, … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5].find((step) => step * power >= value) ?? 10);
}

/** @param now at least one text @param before missing if there is nothing to compare with */
export function lengthBins(now: readonly string[], before?: readonly string[]): LengthBin[] {
  const all = [...now, ...(before ?? [])].map(({ length }) => length).sort((a, b) => a - b);
  const width = roundUp(Math.ceil((all[Math.floor(SHOWN * (all.length - 1))] + 1) / BINS));
  const sharesOf = (texts: readonly string[]): number[] => {
    const shares = Array.from({ length: BINS }, () => 0);
    for (const { length } of texts)
      shares[Math.min(BINS - 1, Math.floor(length / width))] += 1 / texts.length;
    return shares;
  };
  const shares = sharesOf(now);
  const earlier = before && before.length > 0 ? sharesOf(before) : undefined;
  return shares.map((share, at) => ({
    ...{ from: at * width, to: (at + 1) * width, now: share },
    ...(earlier && { before: earlier[at] }),
  }));
}

/**
 * How EVA shares rank among layers, as PEFT does: all explained variance ratios of all layers go in one list, and the budget goes to the largest. A
 * layer gets at most `most`; a layer whose inputs hardly vary gets none.
 */

/** A layer, or several that share an input: each of them has its ratios. */
interface SharedRatios {
  readonly paths: readonly string[];
  /** Shares of the input's variance, the largest first, one for each possible rank. */
  readonly ratios: ArrayLike<number>;
}

/**
 * @param budget the sum of all ranks
 * @returns the rank of each layer by its path
 */
export function sharedRanks(inputs: readonly SharedRatios[], budget: number): Map<string, number> {
  // PEFT's order decides between equal ratios: first one layer of each input, then the others of each.
  const layers = [
    ...inputs.map(({ paths: [first], ratios }) => ({ path: first, ratios })),
    ...inputs.flatMap(({ paths, ratios }) => paths.slice(1).map((path) => ({ path, ratios }))),
  ];
  const shares = layers.flatMap(({ path, ratios }) => Array.from(ratios, (ratio) => ({ path, ratio })));
  shares.sort((a, b) => b.ratio - a.ratio);
  const ranks = new Map(layers.map(({ path }) => [path, 0]));
  for (const { path } of shares.slice(0, budget)) ranks.set(path, ranks.get(path)! + 1);
  // The first of several layers with one input has the highest rank.
  for (const {
    paths: [first, ...others],
  } of inputs)
    for (const path of others) {
      const [own, highest] = [ranks.get(path)!, ranks.get(first)!];
      if (highest >= own) continue;
      ranks.set(first, own);
      ranks.set(path, highest);
    }
  return ranks;
}

/** The highest rank that a layer of this rank may get. Python rounds a half to the even neighbour. */
export function mostRank(rank: number, rho: number, width: number): number {
  const product = rank * rho;
  const floor = Math.floor(product);
  const rounded = product - floor === 0.5 ? floor + (floor % 2) : Math.round(product);
  return Math.min(rounded, width);
}

/** Adapters that the recipe of one made with other seeds. */

interface KnownAdapter {
  readonly id: string;
  readonly runId?: string | undefined;
}
interface KnownRun {
  readonly id: string;
  readonly dataName: string;
  readonly options: { readonly seed: number };
}

/** The settings of a run without its seed, as a text that is equal for equal recipes. */
function recipeOf({ options, dataName }: KnownRun): string {
  const { seed: _, ...settings } = options;
  return JSON.stringify([Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)), dataName]);
}

/** @param adapter its id; another key has no other seeds @returns ids, one for each seed */
export function otherSeeds(
  adapter: string,
  adapters: readonly KnownAdapter[],
  runs: readonly KnownRun[],
): string[] {
  const runOf = ({ runId }: KnownAdapter): KnownRun | undefined => runs.find(({ id }) => id === runId);
  const own = adapters.find(({ id }) => id === adapter);
  const run = own && runOf(own);
  if (!run) return [];
  const seeds = new Set([run.options.seed]);
  return adapters.flatMap((one) => {
    const other = runOf(one);
    if (!other || seeds.has(other.options.seed) || recipeOf(other) !== recipeOf(run)) return [];
    seeds.add(other.options.seed);
    return one.id;
  });
}

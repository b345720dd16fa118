/** What a run trains, in words. */
import { METHODS } from '../../settings/registry.ts';
import { TABLE } from '../../settings/table.ts';
import type { RunOptions } from '../../worker/api.ts';

/** The method of a run; LoRA in what was kept before there was a choice. */
export function methodOf({ method }: { readonly method?: string }): (typeof METHODS)[number] {
  return METHODS.find(({ name }) => name === method) ?? METHODS[0];
}

/** Whether its adapter has a rank. */
export function hasRank({ method }: Pick<RunOptions, 'method'>): boolean {
  const rank = TABLE.find('rank');
  return rank !== undefined && TABLE.applies(rank, { method: methodOf({ method }).name });
}

/** “LoRA rank 8”, “IA3”, “All weights”. */
export function methodWords(options: Pick<RunOptions, 'method' | 'rank'>): string {
  const { label } = methodOf(options);
  return hasRank(options) ? `${label} rank ${options.rank}` : label;
}

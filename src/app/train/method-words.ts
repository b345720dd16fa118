/** What a run trains, in words. */
import { METHODS } from '../../settings/registry.ts';
import { TABLE } from '../../settings/table.ts';
import type { FormSpec } from '../../worker/api.ts';

/** The method of a run; LoRA for runs of versions that had no choice. */
export function methodOf({ method }: { readonly method?: string }): (typeof METHODS)[number] {
  return METHODS.find(({ name }) => name === method) ?? METHODS[0];
}

/** Whether its adapter has a rank. */
export function hasRank({ method }: Pick<FormSpec, 'method'>): boolean {
  const rank = TABLE.find('rank');
  return rank !== undefined && TABLE.applies(rank, { method: methodOf({ method }).name });
}

/** What a full fine-tuning trains: “all weights”, “norms and biases of the last 2 layers”. */
export function partWords({
  trainWeights = 'all',
  lastLayers = 0,
}: Pick<FormSpec, 'trainWeights' | 'lastLayers'>): string {
  const layers =
    lastLayers === 0 ? '' : ` of the last ${lastLayers === 1 ? 'layer' : `${lastLayers} layers`}`;
  if (trainWeights === 'norms') return `norms and biases${layers}`;
  if (layers !== '') return `the weights${layers}`;
  return trainWeights === 'all' ? 'all weights' : 'all weights but embeddings and head';
}

/** “LoRA rank 8”, “IA3”, “The weights of the last 2 layers”. */
export function methodWords(
  options: Pick<FormSpec, 'method' | 'rank' | 'trainWeights' | 'lastLayers'>,
): string {
  const { name, label } = methodOf(options);
  if (name === 'full') return capital(partWords(options));
  return hasRank(options) ? `${label} rank ${options.rank}` : label;
}

/** What learns the rows, as the beginning of a sentence: “An adapter (LoRA) is grafted on the model and learns your rows”. */
export function learner(options: Pick<FormSpec, 'method' | 'start' | 'trainWeights' | 'lastLayers'>): string {
  const { name, label } = methodOf(options);
  if (name === 'full') return `${capital(partWords(options))} of a copy of the model learn your rows`;
  return options.start
    ? `A copy of the adapter “${options.start.name}” learns your rows`
    : `An adapter (${label}) is grafted on the model and learns your rows`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

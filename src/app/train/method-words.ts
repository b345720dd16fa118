/** What a run trains, in words. */
import { capital } from '../../capital.ts';
import { learnerOf } from '../../settings/registry.ts';
import { TABLE } from '../../settings/table.ts';
import type { FormSpec, RunMemory } from '../../worker/api.ts';

/** Whether its adapter has a rank. */
export function hasRankField({ method }: Pick<FormSpec, 'method'>): boolean {
  const rank = TABLE.find('rank');
  return rank !== undefined && TABLE.applies(rank, { method: learnerOf({ method }).name });
}

/** “LoRA rank 8”, “IA3”, “The weights of the last 2 layers”. */
export function methodWords(
  options: Pick<FormSpec, 'method' | 'rank' | 'trainWeights' | 'lastLayers'>,
): string {
  return capital(learnerOf(options).words.trained(options));
}

/** What learns the rows, as the start of a sentence: “An adapter (LoRA) is grafted on the model and learns your rows”. */
export function learner(options: Pick<FormSpec, 'method' | 'start' | 'trainWeights' | 'lastLayers'>): string {
  return `${learnerOf(options).words.learns(options)} your rows`;
}

/** The parts of a run's memory as the bar shows them. */
export function memoryParts(
  { parts }: RunMemory,
  options: Pick<FormSpec, 'method'>,
): { readonly name: string; readonly bytes: number }[] {
  const { base, adapter, gradients, optimiser, activations, inputs, commands, samples, staging } = parts;
  const { memory } = learnerOf(options).words;
  return [
    { name: memory.base, bytes: base },
    {
      name: memory.learning,
      bytes: adapter + gradients + optimiser,
    },
    { name: 'activations', bytes: activations },
    { name: 'sample answers', bytes: samples },
    { name: 'the rest', bytes: inputs + commands + staging },
  ];
}

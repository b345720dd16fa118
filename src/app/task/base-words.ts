/** The types in which base weights can be stored on the device, in words. */
import type { WeightChoices, ModelInfo, WeightChoice } from '../../worker/api.ts';

interface Words {
  readonly name: string;
  /** What the type means for memory and for exactness. */
  readonly what: string;
}

export const WEIGHT_WORDS: Readonly<Record<Exclude<WeightChoice, 'stored'>, Words>> = {
  f32: { name: '32 bits (f32)', what: 'exact, and the most memory' },
  f16: { name: '16 bits (f16)', what: 'half of f32, and hardly another model' },
  q8_0: { name: '8 bits (q8_0)', what: 'a quarter of f32; rounded so little that answers rarely change' },
  q4_0: {
    name: '4 bits (q4_0)',
    what: 'about a seventh of f32, and the coarsest: sixteen even steps around zero',
  },
  q4_1: {
    name: '4 bits (q4_1)',
    what: 'a little larger and closer than q4_0: every block has a lowest value of its own',
  },
  nf4: {
    name: '4 bits (nf4)',
    what: 'as small as q4_0; its steps lie where weights usually do, as in QLoRA',
  },
};

/** Types of a GGUF file that are in blocks. */
const BLOCKS = /^I?Q\d/;

export function baseWords(choice: WeightChoice, { fileTypes, precision }: ModelInfo): Words {
  if (choice !== 'stored') return WEIGHT_WORDS[choice];
  const types = fileTypes.join(', ');
  return {
    name: 'As in the file',
    what: BLOCKS.test(fileTypes[0] ?? '')
      ? `${types}: exactly the file’s numbers, in 4 or 8 bits each`
      : types.toLowerCase() === precision
        ? `${types}: its numbers as they are`
        : `${types}, held in ${precision} here`,
  };
}

/** As in “its base weights are …”. */
export function heldWords({ baseWeights }: Pick<ModelInfo, 'baseWeights'>): string {
  return shortWords(baseWeights) ?? 'as in the file';
}

/** Undefined if everything is as in the file. */
export function shortWords({ matrices, embeddings }: WeightChoices): string | undefined {
  const own = matrices === 'stored' ? 'as in the file' : matrices;
  if (embeddings !== undefined && embeddings !== matrices)
    return `${own}, embeddings ${embeddings === 'stored' ? 'as in the file' : embeddings}`;
  return matrices === 'stored' ? undefined : own;
}

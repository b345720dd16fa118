/** Settings of a full fine-tuning: which weights of the model are trained. */
import type { Setting } from './setting.ts';

const PART = { id: 'trained-weights', name: 'Weights that learn (frozen layers)' } as const;

export const FULL_SETTINGS = [
  {
    name: 'trainWeights',
    part: 'run',
    later: true,
    type: 'choice',
    choices: ['all', 'no-embeddings', 'norms'],
    labels: { all: 'All', 'no-embeddings': 'All but embeddings and head', norms: 'Norms and biases' },
    flag: 'train-weights',
    placeholder: 'PART',
    group: 'Weights',
    label: 'Weights that learn',
    term: PART,
    help: 'What learns: every weight, all but embeddings and head, or norms and biases alone.',
    more: 'The others stay as they are and need neither gradients nor moments.',
    initial: 'all',
  },
  {
    name: 'lastLayers',
    part: 'run',
    later: true,
    type: 'whole',
    least: 0,
    zero: 'all',
    flag: 'last-layers',
    group: 'Weights',
    label: 'Last layers only',
    unit: 'layers',
    term: PART,
    help: 'Only so many layers learn, counted from the end; those below them, embeddings and head stay as they are.',
    more: 'Nothing is computed backwards below them. 0 for all.',
    initial: 0,
    initially: 'all',
  },
] as const satisfies readonly Setting[];

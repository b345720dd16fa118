/** Full fine-tuning: weights of the model itself learn, all of them or a part. `model/trained-part.ts` says which these are. */
import { capital } from '../../capital.ts';
import type { Given, Setting } from '../../settings/setting.ts';
import type { Learner } from '../learner.ts';
import { NORMS_RATE } from '../norms/settings.ts';

const PART = { id: 'trained-weights', name: 'Trained weights (frozen layers)' } as const;

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
    label: 'Trained weights',
    term: PART,
    help: 'Which weights are trained: all, all but embeddings and head, or only norms and biases.',
    more: 'The others are frozen and need neither gradients nor optimiser state.',
    default: 'all',
  },
  {
    name: 'lastLayers',
    part: 'run',
    later: true,
    type: 'integer',
    min: 0,
    zero: 'all',
    flag: 'last-layers',
    group: 'Weights',
    label: 'Last layers only',
    unit: 'layers',
    term: PART,
    help: 'How many layers are trained, counted from the end; the layers below, embeddings and head are frozen.',
    more: 'The backward pass ends there. 0 trains all.',
    default: 0,
    defaultText: 'all',
  },
] as const satisfies readonly Setting[];

/** With an eighth of an adapter's rate it forgets as much as the adapter (docs/experiments/full-fine-tuning-rates.md). */
const FULL_RATE = 1 / 16;

/** What it trains: “all weights”, “norms and biases of the last 2 layers”. */
function partWords({ trainWeights = 'all', lastLayers = 0 }: Given): string {
  const layers =
    lastLayers === 0 ? '' : ` of the last ${lastLayers === 1 ? 'layer' : `${String(lastLayers)} layers`}`;
  if (trainWeights === 'norms') return `norms and biases${layers}`;
  if (layers !== '') return `the weights${layers}`;
  return trainWeights === 'all' ? 'all weights' : 'all weights but embeddings and head';
}

export const FULL = {
  name: 'full',
  label: 'Full fine-tuning',
  help: 'Trains the weights of the model itself: all of them, or a chosen part.',
  settings: FULL_SETTINGS,
  trainsModel: true,
  words: {
    choice: 'Full fine-tuning',
    trained: partWords,
    learns: (settings) => `${capital(partWords(settings))} of a copy of the model learn`,
    run: 'a full fine-tuning',
    result: 'model',
    memory: { base: 'weights of the model', learning: 'gradients and optimiser' },
    reference: () => 'the model as it was before the run',
  },
  choice: {
    changes: 'The model itself: the result is a whole model, of the size of the first.',
    wrong: 'Few rows, little memory, or a model that should keep what it can do now: it forgets most.',
  },
  // A full fine-tuning changes every weight and needs a smaller rate; norms and biases bear that of an adapter of such vectors.
  rate: ({ trainWeights }) => (trainWeights === 'norms' ? NORMS_RATE : FULL_RATE),
} as const satisfies Learner;

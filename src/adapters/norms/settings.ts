/** Settings of a run that trains norms and biases. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';

/** What is trained in a layer. */
const NORM_PARTS = ['all', 'norms', 'biases'] as const;
export type NormParts = (typeof NORM_PARTS)[number];

const NORMS_SETTINGS = [
  {
    name: 'normParts',
    part: 'run',
    fixed: true,
    type: 'choice',
    choices: NORM_PARTS,
    labels: { all: 'Norms and biases', norms: 'Norms only', biases: 'Biases only (BitFit)' },
    flag: 'norm-parts',
    placeholder: 'PARTS',
    group: 'Adapter',
    label: 'Trained vectors',
    term: {
      id: 'bitfit',
      name: 'Norms and biases (BitFit)',
      entry: {
        what: 'Trains only the small vectors of a model: the weights of its norms, and its biases if it has any. Merging puts them back in their place.',
        start: 'A model of Llama’s kind has no biases; GPT-2 and Qwen2 have.',
        source:
          'Ben Zaken et al., BitFit, 2022, arXiv:2106.10199; Zhao et al., Tuning LayerNorm in Attention, 2023, arXiv:2312.11420; PEFT LN_TUNING',
        also: 'LN_TUNING layer norm tuning bias tuning layernorm rmsnorm',
      },
    },
    help: 'The norms of the model, its biases, or both (PEFT LN_TUNING).',
    default: 'all',
  },
] as const satisfies readonly Setting[];

/** There are few of them, each near 1. */
export const NORMS_RATE = 10;

export const NORMS = {
  name: 'norms',
  label: 'Norms and biases',
  help: 'Trains the norms and biases of the model, and none of its matrices: very few numbers, which merge without a trace.',
  settings: NORMS_SETTINGS,
  words: adapterWords('Norms and biases'),
  choice: {
    changes: 'The model’s own small vectors: merged, it is a model of the same shape.',
    wrong: 'Something is new to the model: norms and biases hold little more than IA3.',
  },
  rate: NORMS_RATE,
} as const satisfies Learner;

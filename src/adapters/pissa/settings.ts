/** PiSSA's settings: LoRA's, and how exactly it starts. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

/** As many as the search makes at most. */
const MAX_ITERATIONS = 64;

const PISSA_SETTINGS = [
  {
    name: 'pissaIterations',
    part: 'run',
    fixed: true,
    later: true,
    type: 'integer',
    min: 0,
    max: MAX_ITERATIONS,
    zero: 'until they have converged',
    flag: 'pissa-niter',
    group: 'Adapter',
    label: 'SVD iterations',
    advanced: true,
    term: {
      id: 'pissa-niter',
      name: 'SVD iterations (fast SVD)',
      entry: {
        what: 'How often PiSSA’s search for the strongest part of each layer goes over the weights before the first step.',
        more: 'Nearer to the exact singular vectors.',
        less: 'The run starts sooner, from a part that is nearly the strongest.',
        start: '0, until they have converged; 4 if that takes too long.',
        source: 'PEFT documentation, LoraConfig init_lora_weights="pissa_niter_[number of iters]"',
        also: 'pissa niter fast svd fsvd randomized singular value decomposition',
      },
    },
    help: 'Iterations of the search for singular vectors (PEFT pissa_niter_N).',
    more: '0 continues until they have converged; 4 are nearly as good and much faster.',
    default: 0,
  },
] as const satisfies readonly Setting[];

export const PISSA = {
  name: 'pissa',
  label: 'PiSSA',
  help: 'LoRA initialised with the principal singular vectors of each layer; the rest stays frozen. It often learns faster. It is saved as a LoRA adapter of twice the rank.',
  choice: {
    changes: 'A LoRA adapter, saved with twice the rank; the model stays as it is.',
    wrong:
      'The adapter should be small, or the run should continue from one of the library: PiSSA always starts a new one.',
  },
  settings: [...LORA_SETTINGS, ...PISSA_SETTINGS],
  words: adapterWords('PiSSA', { hasRank: true }),
} as const satisfies Learner;

/** PiSSA's settings: LoRA's, and how exactly it begins. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

/** As many as the search makes at most. */
const MOST_ITERATIONS = 64;

export const PISSA_SETTINGS = [
  {
    name: 'pissaIterations',
    part: 'run',
    fixed: true,
    later: true,
    type: 'whole',
    least: 0,
    most: MOST_ITERATIONS,
    zero: 'until they have settled',
    flag: 'pissa-niter',
    group: 'Adapter',
    label: 'Iterations for singular vectors',
    advanced: true,
    term: {
      id: 'pissa-niter',
      name: 'Iterations for singular vectors (fast SVD)',
      entry: {
        what: 'How often PiSSA’s search for the strongest part of each layer goes over the weights before the first step.',
        more: 'Nearer to the exact singular vectors.',
        less: 'A run begins sooner, from a part that is nearly the strongest.',
        start: '0, until they have settled; 4 where that takes too long.',
        source: 'PEFT documentation, LoraConfig init_lora_weights="pissa_niter_[number of iters]"',
        also: 'pissa niter fast svd fsvd randomized singular value decomposition',
      },
    },
    help: 'Iterations of the search for singular vectors (PEFT pissa_niter_N).',
    more: '0 goes on until they have settled; 4 are nearly as good, and much faster.',
    initial: 0,
  },
] as const satisfies readonly Setting[];

export const PISSA = {
  name: 'pissa',
  label: 'PiSSA',
  help: 'LoRA that begins as the strongest part of each layer instead of as nothing, and leaves the rest still. It often learns faster; it is kept as a LoRA adapter of twice the rank.',
  choice: {
    changes: 'A LoRA adapter of twice the rank, once it is kept; the model stays as it is.',
    wrong: 'The adapter should be small, or the run go on from one of the library: it begins anew.',
  },
  settings: [...LORA_SETTINGS, ...PISSA_SETTINGS],
  words: adapterWords('PiSSA', { hasRank: true }),
} as const satisfies Learner;

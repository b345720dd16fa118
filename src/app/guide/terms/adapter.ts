/** What is trained, and its settings. */
import { LORA_PAPER, PEFT } from './sources.ts';
import type { Chapter } from './term.ts';

export const ADAPTER: Chapter = {
  name: 'The adapter',
  terms: [
    {
      id: 'rank',
      what: 'The inner width of the adapter: how much it can hold.',
      more: 'Room for harder tasks. Takes more memory and overfits sooner.',
      less: 'A smaller file that generalises sooner. Too small, and the loss stops falling early.',
      start: '8 for a format or a tone, 16 to 32 for a harder task.',
      source: `${LORA_PAPER}; ${PEFT} r`,
      also: 'r lora_r dimension',
    },
    {
      id: 'alpha',
      what: 'How strongly the adapter acts: its output is multiplied by alpha / rank.',
      more: 'Works like a higher learning rate; too much drowns the base.',
      less: 'A weaker adapter that needs a higher learning rate or more steps.',
      start: 'Twice the rank.',
      source: `${LORA_PAPER}, section 4.1; ${PEFT} lora_alpha`,
      also: 'scaling lora_alpha',
    },
    {
      id: 'targets',
      what: 'Which layers get a pair of matrices: the four of attention (q, k, v, o) and the three of the MLP (gate, up, down).',
      more: 'All layers learn best for the same number of parameters. An adapter may also be put into only some layers of the model, counted from 0 (layers_to_transform).',
      less: 'A smaller adapter and a little speed.',
      start: 'All linear layers.',
      source:
        'Dettmers et al., QLoRA, 2023, arXiv:2305.14314, section 4; PEFT documentation, target_modules and layers_to_transform',
      also: 'q_proj v_proj modules all-linear',
    },
    {
      id: 'dropout',
      what: 'The share of inputs that the adapter does not get to see, drawn again at every step.',
      more: 'Less overfitting, and slower learning.',
      less: '0 learns fastest.',
      start: '0; 0.05 to 0.1 with few rows and many epochs.',
      source: 'Srivastava et al., Dropout, 2014, JMLR 15; PEFT documentation, lora_dropout',
      also: 'lora_dropout regularisation',
    },
    {
      id: 'rslora',
      what: 'Multiplies by alpha over the square root of the rank instead of the rank, so that adapters of a high rank keep their strength.',
      start: 'On from rank 32 up. The same alpha then acts more strongly: try a lower one.',
      source: 'Kalajdzievski, rsLoRA, 2023, arXiv:2312.03732; PEFT documentation, use_rslora',
      also: 'rank-stabilized rslora',
    },
    {
      id: 'rate-ratio',
      what: 'The learning rate of the second matrix, B, divided by that of the first, A.',
      more: 'Often learns faster, sometimes unsteadily.',
      less: '1 is plain LoRA.',
      start: '1; 4 to 16 to try, at a lower learning rate.',
      source: 'Hayou et al., LoRA+, 2024, arXiv:2402.12354',
      also: 'lora+ loraplus ratio',
    },
  ],
};

/** EVA's settings: LoRA's, and those of PEFT's EvaConfig. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

const TERM = {
  id: 'eva',
  name: 'EVA (explained variance)',
  entry: {
    what: 'Initialises the adapter from the rows: some batches go through the base model, and matrix A of each layer starts as the main directions of its inputs. Layers whose inputs need more directions can get more of the rank.',
    more: 'With a high rho a few layers may get most of the rank, and others none.',
    less: 'With rho 1 every layer keeps the rank that was chosen.',
    start: 'Rho 2; 1 if the result is worse than LoRA’s.',
    source:
      'Paischer et al., One Initialization to Rule them All: Fine-tuning via Explained Variance Adaptation, 2024, arXiv:2410.07170; PEFT EvaConfig',
    also: 'eva explained variance adaptation initialization init_lora_weights rho tau whiten rank redistribution',
  },
} as const;

/** The shared entry of the guide, for the settings after the first. */
const WORD = { id: TERM.id, name: TERM.name } as const;

export const EVA_SETTINGS = [
  {
    name: 'evaRho',
    part: 'run',
    fixed: true,
    type: 'number',
    min: 1,
    flag: 'eva-rho',
    group: 'Adapter',
    label: 'Rho (maximum rank per layer)',
    term: TERM,
    help: 'How many times the rank one layer may get when layers share it by explained variance (PEFT EvaConfig rho).',
    more: '1 leaves every layer its rank.',
    default: 2,
  },
  {
    name: 'evaTau',
    part: 'run',
    fixed: true,
    type: 'number',
    above: 0,
    max: 1,
    flag: 'eva-tau',
    group: 'Adapter',
    label: 'Tau (similarity threshold)',
    advanced: true,
    term: WORD,
    help: 'Reads rows until one more batch leaves directions with at least this cosine similarity (PEFT EvaConfig tau).',
    more: '1 reads all rows of the run.',
    default: 0.99,
  },
  {
    name: 'evaLabelMask',
    part: 'run',
    fixed: true,
    type: 'switch',
    flag: 'eva-all-tokens',
    group: 'Adapter',
    label: 'Supervised tokens only',
    advanced: true,
    term: WORD,
    help: 'Takes the inputs of supervised tokens, and not those of prompts (PEFT EvaConfig use_label_mask).',
    off: 'Also takes the inputs of prompts for EVA.',
    default: true,
  },
  {
    name: 'evaWhiten',
    part: 'run',
    fixed: true,
    type: 'switch',
    flag: 'eva-whiten',
    group: 'Adapter',
    label: 'Whiten directions',
    advanced: true,
    term: WORD,
    help: 'Divides each direction by the square root of its singular value (PEFT EvaConfig whiten).',
    default: false,
  },
  {
    name: 'evaAdjustScaling',
    part: 'run',
    fixed: true,
    type: 'switch',
    flag: 'eva-keep-alpha',
    group: 'Adapter',
    label: 'Adjust alpha to the rank of a layer',
    advanced: true,
    term: WORD,
    help: 'Changes alpha with the rank that a layer gets, so that all keep the same strength (PEFT EvaConfig adjust_scaling_factors).',
    off: 'Leaves alpha as it is when EVA gives a layer a different rank.',
    default: true,
  },
] as const satisfies readonly Setting[];

export const EVA = {
  name: 'eva',
  label: 'EVA',
  help: 'LoRA initialised with the main directions of each layer’s inputs, by which layers also share the rank. It reads some rows first.',
  settings: [...LORA_SETTINGS, ...EVA_SETTINGS],
  words: adapterWords('EVA', { hasRank: true }),
  choice: {
    changes: 'A LoRA adapter whose layers have different ranks; the model stays as it is.',
    wrong:
      'The run is only a few steps long, or continues from an adapter of the library: EVA always starts a new one.',
  },
} as const satisfies Learner;

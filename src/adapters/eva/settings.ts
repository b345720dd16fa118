/** EVA's settings: LoRA's, and those of PEFT's EvaConfig. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';
import { LORA_SETTINGS } from '../lora/settings.ts';

const TERM = {
  id: 'eva',
  name: 'EVA (explained variance)',
  entry: {
    what: 'The adapter begins where the rows of the run vary most: some batches go through the base model, and the first matrix of each layer begins as the main directions of what the layer is given. Layers whose inputs need more directions can get more of the rank.',
    more: 'With a high rho a few layers may have most of the rank, and others none.',
    less: 'With rho 1 every layer keeps the rank that was chosen.',
    start: 'Rho 2; 1 where the result is worse than LoRA’s.',
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
    least: 1,
    flag: 'eva-rho',
    group: 'Adapter',
    label: 'Most rank of a layer (rho)',
    term: TERM,
    help: 'How many times the rank one layer may get where layers share it by explained variance (PEFT EvaConfig rho).',
    more: '1 leaves every layer its rank.',
    initial: 2,
  },
  {
    name: 'evaTau',
    part: 'run',
    fixed: true,
    type: 'number',
    above: 0,
    most: 1,
    flag: 'eva-tau',
    group: 'Adapter',
    label: 'Read until directions agree (tau)',
    advanced: true,
    term: WORD,
    help: 'Reads rows until one more batch leaves directions with at least this cosine similarity (PEFT EvaConfig tau).',
    more: '1 reads all rows of the run.',
    initial: 0.99,
  },
  {
    name: 'evaLabelMask',
    part: 'run',
    fixed: true,
    type: 'switch',
    flag: 'eva-all-tokens',
    group: 'Adapter',
    label: 'Read learned tokens only',
    advanced: true,
    term: WORD,
    help: 'Takes the inputs of tokens that are learned, and not those of prompts (PEFT EvaConfig use_label_mask).',
    off: 'Takes the inputs of prompts as well when EVA begins.',
    initial: true,
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
    initial: false,
  },
  {
    name: 'evaAdjustScaling',
    part: 'run',
    fixed: true,
    type: 'switch',
    flag: 'eva-keep-alpha',
    group: 'Adapter',
    label: 'Alpha follows the rank of a layer',
    advanced: true,
    term: WORD,
    help: 'Changes alpha with the rank that a layer gets, so that all keep the same strength (PEFT EvaConfig adjust_scaling_factors).',
    off: 'Leaves alpha as it is where EVA gives a layer another rank.',
    initial: true,
  },
] as const satisfies readonly Setting[];

export const EVA = {
  name: 'eva',
  label: 'EVA',
  help: 'LoRA that begins as the main directions of what the rows give to each layer, and shares its rank among layers by them. It reads some rows first.',
  settings: [...LORA_SETTINGS, ...EVA_SETTINGS],
  words: adapterWords('EVA', { hasRank: true }),
  choice: {
    changes: 'A LoRA adapter whose layers have different ranks; the model stays as it is.',
    wrong: 'The run is only a few steps long, or goes on from an adapter of the library: it begins anew.',
  },
} as const satisfies Learner;

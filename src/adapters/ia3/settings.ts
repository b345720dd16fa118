/** IA3's settings: which layers, and which of them scale what they read. */
import { adapterWords, type Learner } from '../learner.ts';
import type { Setting } from '../../settings/setting.ts';
import { TARGETS_SETTING } from '../lora/settings.ts';

const IA3_SETTINGS = [
  TARGETS_SETTING,
  {
    name: 'feedforward',
    part: 'run',
    fixed: true,
    type: 'names',
    flag: 'feedforward',
    label: 'Feedforward modules',
    help: 'The target modules whose inputs, instead of outputs, are multiplied by the learned vector (PEFT feedforward_modules).',
    more: 'Layers without an adapter are ignored.',
    default: ['down_proj', 'mlp.c_proj'],
    defaultText: 'down_proj, mlp.c_proj',
  },
] as const satisfies readonly Setting[];

/** The layers of IA3 in PEFT's tables: for Llama and its relatives, and for GPT-2, whose queries, keys and values are one layer. */
const USUAL = ['k_proj', 'v_proj', 'down_proj'];
const FUSED = ['c_attn', 'mlp.c_proj'];

/** @param has whether a layer of the model has a path that ends so @returns the targets that IA3 starts with on it */
function ia3Targets(has: (end: string) => boolean): readonly string[] {
  return !USUAL.some(has) && FUSED.every(has) ? FUSED : USUAL;
}

export const IA3 = {
  name: 'ia3',
  label: 'IA3',
  help: 'Trains one vector for each layer, which multiplies its inputs or outputs: far fewer numbers than LoRA, at a higher learning rate.',
  settings: IA3_SETTINGS,
  words: adapterWords('IA3'),
  choice: {
    changes: 'An adapter of a few thousand numbers: it turns up or down what the model has already.',
    wrong: 'Something is new to the model: there is no room to learn it.',
  },
  rate: 10,
  targetsOn: ia3Targets,
  defaults: { targets: USUAL },
} as const satisfies Learner;

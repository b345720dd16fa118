/** Every setting of a run, with what it does in a sentence or two: the glossary is the form. */
import type { SettingKey } from './settings.ts';

export interface NumberField {
  readonly kind: 'number';
  readonly key: SettingKey;
  readonly label: string;
  readonly help: string;
}
export interface SwitchField {
  readonly kind: 'switch';
  readonly key: SettingKey;
  readonly label: string;
  readonly help: string;
}
export interface ChoiceField {
  readonly kind: 'choice';
  readonly key: SettingKey;
  readonly label: string;
  readonly help: string;
  readonly choices: readonly { readonly value: string; readonly name: string }[];
}
export type Field = NumberField | SwitchField | ChoiceField;

export interface Group {
  readonly name: string;
  readonly fields: readonly Field[];
}

const number = (key: SettingKey, label: string, help: string): NumberField => ({
  kind: 'number',
  key,
  label,
  help,
});

export const GROUPS: readonly Group[] = [
  {
    name: 'Length',
    fields: [
      number(
        'steps',
        'Steps',
        'How many times the adapter is changed. More steps learn more, until rows are only learned by heart.',
      ),
      number(
        'batch',
        'Rows at once',
        'Rows that go through the model together (micro-batch). More rows make steadier steps and take more memory.',
      ),
      number(
        'accumulate',
        'Batches a step',
        'The gradients of this many batches are added up before the adapter changes (gradient accumulation): a larger batch without its memory.',
      ),
      {
        kind: 'switch',
        key: 'packing',
        label: 'Pack rows',
        help: 'Lays the rows of a step end to end, so that no time goes into padding. Losses and gradients stay the same.',
      },
      {
        kind: 'switch',
        key: 'checkpointing',
        label: 'Save memory',
        help: 'Keeps only the input of each layer and computes the rest again for the gradient (activation checkpointing): much less memory, about a third more time. Losses and gradients stay the same.',
      },
    ],
  },
  {
    name: 'Rate',
    fields: [
      number(
        'lr',
        'Learning rate',
        'How far each step moves the adapter. With too low a rate little is learned; with too high a rate the loss jumps.',
      ),
      {
        kind: 'choice',
        key: 'schedule',
        label: 'Schedule',
        help: 'How the rate falls over the run: slowly at both ends (cosine), in a straight line, or not at all.',
        choices: [
          { value: 'cosine', name: 'cosine' },
          { value: 'linear', name: 'linear' },
          { value: 'constant', name: 'constant' },
        ],
      },
      number(
        'warmup',
        'Warm-up, steps',
        'The rate rises from 0 over this many steps, until the optimiser knows how large gradients are.',
      ),
      number(
        'clip',
        'Gradient clipping',
        'A gradient with a larger norm is scaled down to this one, so that one odd batch cannot throw the run off. 0 turns it off.',
      ),
      number(
        'weightDecay',
        'Weight decay',
        'Pulls the weights of the adapter towards zero at each step. Rarely needed with LoRA.',
      ),
      number(
        'rateRatio',
        'Rate of B to A',
        'How many times faster the second matrix of the adapter learns than the first (LoRA+). 1 for equally fast.',
      ),
    ],
  },
  {
    name: 'Adapter',
    fields: [
      number(
        'rank',
        'Rank',
        'The inner width of the adapter (LoRA r): how much it can hold. 8 is enough for a format or a tone.',
      ),
      number(
        'alpha',
        'Alpha',
        'How strongly the adapter acts: its output is multiplied by alpha / rank. Twice the rank is usual.',
      ),
      number(
        'dropout',
        'Dropout',
        'The share of its inputs that the adapter does not see, drawn at random at each step, against learning by heart. 0 turns it off.',
      ),
      {
        kind: 'switch',
        key: 'rsLora',
        label: 'Scale by √rank',
        help: 'Divides alpha by the square root of the rank (rsLoRA), so that adapters of a high rank keep their strength.',
      },
    ],
  },
  {
    name: 'Watching',
    fields: [
      number(
        'evalEvery',
        'Validate every … steps',
        'Measures the loss on rows that are not trained on. When it rises while the training loss falls, rows are being learned by heart. At most 512 of these rows are measured. 0 turns it off.',
      ),
      number(
        'patience',
        'Patience, validations',
        'Ends the run after this many validations in a row without a better one. 0 lets it run to the end.',
      ),
      number(
        'sampleEvery',
        'Answer every … steps',
        'How often the prompt below is answered, so that you see the model learn. 0 turns it off.',
      ),
      number(
        'seed',
        'Seed',
        'Decides how the adapter begins and how the rows are shuffled. The same seed on the same machine gives the same curve.',
      ),
    ],
  },
];

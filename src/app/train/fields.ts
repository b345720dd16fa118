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
        'How often the adapter is changed. More steps learn more, up to the point where rows are learnt by heart.',
      ),
      number(
        'batch',
        'Rows at once',
        'Rows that go through the model together (micro-batch). More are steadier and take more memory.',
      ),
      number(
        'accumulate',
        'Batches a step',
        'Gradients of so many batches are added before the adapter changes: a larger batch without its memory.',
      ),
      {
        kind: 'switch',
        key: 'packing',
        label: 'Pack rows',
        help: 'Lays the rows of a step end to end, so that short ones waste no room. The numbers stay the same.',
      },
      {
        kind: 'switch',
        key: 'checkpointing',
        label: 'Save memory',
        help: 'Keeps only the input of each layer and computes the rest again for the gradient (activation checkpointing): much less memory, about a third more time. The numbers stay the same.',
      },
    ],
  },
  {
    name: 'Rate',
    fields: [
      number(
        'lr',
        'Learning rate',
        'How far each step goes. Too small learns little, too large makes the loss jump.',
      ),
      {
        kind: 'choice',
        key: 'schedule',
        label: 'Schedule',
        help: 'How the rate falls over the run: not at all, in a line, or gently first and last (cosine).',
        choices: [
          { value: 'cosine', name: 'cosine' },
          { value: 'linear', name: 'linear' },
          { value: 'constant', name: 'constant' },
        ],
      },
      number(
        'warmup',
        'Warm-up, steps',
        'The rate rises from 0 over the first steps, until the optimiser knows the size of gradients.',
      ),
      number(
        'clip',
        'Gradient clipping',
        'A gradient longer than this is shortened to it, so that one odd batch cannot throw the run. 0 for never.',
      ),
      number(
        'weightDecay',
        'Weight decay',
        'Pulls the adapter towards zero at each step. Rarely needed with LoRA.',
      ),
      number(
        'rateRatio',
        'Rate of B to A',
        'LoRA+: the second matrix of the adapter may learn faster than the first. 1 for the same.',
      ),
    ],
  },
  {
    name: 'Adapter',
    fields: [
      number(
        'rank',
        'Rank',
        'The inner width of the adapter (LoRA r): how much it can hold. 8 does for a form or a voice.',
      ),
      number(
        'alpha',
        'Alpha',
        'How strongly the adapter speaks: its output is scaled by alpha over rank. Twice the rank is usual.',
      ),
      number(
        'dropout',
        'Dropout',
        'The share of inputs that are hidden from the adapter at random, against learning by heart. 0 for none.',
      ),
      {
        kind: 'switch',
        key: 'rsLora',
        label: 'Scale by √rank',
        help: 'rsLoRA: alpha over the root of the rank, which keeps high ranks from fading.',
      },
    ],
  },
  {
    name: 'Watching',
    fields: [
      number(
        'evalEvery',
        'Validate every … steps',
        'The loss on rows that are not trained on. When it rises while the other falls, rows are being learnt by heart. Of more than 512 such rows, 512 are measured. 0 for never.',
      ),
      number(
        'patience',
        'Patience, validations',
        'Ends the run after so many validations without a better one. 0 for no early end.',
      ),
      number(
        'sampleEvery',
        'Answer every … steps',
        'How often the prompt below is answered, so that one sees it learn. 0 for never.',
      ),
      number(
        'seed',
        'Seed',
        'Starts the adapter and shuffles the rows. The same seed on the same machine gives the same curve.',
      ),
    ],
  },
];

/** What settings ask of each other. */
import type { Given } from './setting.ts';
import type { SettingName } from './table.ts';

export interface Rule {
  /** The setting that is named where the rule is broken. */
  readonly name: SettingName;
  /** The settings that it compares. Where one of them is wrong by itself, the rule says nothing. */
  readonly of: readonly SettingName[];
  readonly holds: (given: Given) => boolean;
  /** What may stand there, in words that follow “Choose”. */
  readonly allowed: (given: Given) => string;
  /** The same in a sentence, for the page. */
  readonly reason: (given: Given) => string;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

export const RULES: readonly Rule[] = [
  {
    name: 'warmup',
    of: ['warmup', 'steps'],
    holds: ({ warmup, steps }) => !(isNumber(warmup) && isNumber(steps) && warmup > steps),
    allowed: ({ steps }) => `at most the ${String(steps)} steps of the run`,
    reason: ({ steps }) => `Warm-up cannot take longer than the ${String(steps)} steps of the run.`,
  },
  {
    name: 'evalEvery',
    of: ['evalEvery', 'patience'],
    holds: ({ patience, evalEvery }) => !(isNumber(patience) && patience > 0 && evalEvery === 0),
    allowed: () => 'a number above 0, since patience counts evaluations',
    reason: () =>
      'Patience counts validations, and the run makes none: validate every so many steps, or choose a patience of 0.',
  },
  {
    name: 'samplePrompt',
    of: ['sampleEvery', 'samplePrompt'],
    holds: ({ sampleEvery, samplePrompt }) =>
      !(
        isNumber(sampleEvery) &&
        sampleEvery > 0 &&
        typeof samplePrompt === 'string' &&
        samplePrompt.trim() === ''
      ),
    allowed: () => 'a prompt to answer, or 0 steps for no answers',
    reason: () => 'Give a prompt to answer, or put 0 steps for no answers.',
  },
];

/** Rules between settings. */
import type { Objective } from '../objectives/objective.ts';
import { OBJECTIVES } from '../objectives/registry.ts';
import type { Given } from './setting.ts';
import type { SettingName } from './table.ts';

interface Rule {
  /** The setting that is named if the rule is broken. */
  readonly name: SettingName;
  /** The settings that it compares. If one of them is invalid by itself, the rule is not checked. */
  readonly of: readonly SettingName[];
  readonly holds: (given: Given) => boolean;
  /** The allowed values, in words that follow “Choose”. */
  readonly allowed: (given: Given) => string;
  /** The same in a sentence, for the page. */
  readonly reason: (given: Given) => string;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** The objective of a run with these settings; the usual one without a choice. */
function objectiveOf({ objective }: Given): Objective {
  return OBJECTIVES.find(({ name }) => name === objective) ?? OBJECTIVES[0];
}

export const RULES: readonly Rule[] = [
  {
    name: 'batch',
    of: ['batch'],
    holds: ({ batch, ...given }) => !(isNumber(batch) && batch < (objectiveOf(given).leastRows ?? 1)),
    allowed: (given) =>
      `${objectiveOf(given).leastRows ?? 1} or more: ${objectiveOf(given).label} compares the answers of a micro-batch`,
    reason: (given) =>
      `${objectiveOf(given).label} compares the answers of a micro-batch: choose ${objectiveOf(given).leastRows ?? 1} rows or more.`,
  },
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

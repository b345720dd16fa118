/** Settings that would change nothing in a run with these other settings. Settings of other methods, objectives and optimisers are `TABLE.applies`. */
import { learnerOf } from '../adapters/learners.ts';
import type { Objective } from '../objectives/objective.ts';
import { objectiveOf } from '../objectives/registry.ts';
import type { Given, SettingValue } from './setting.ts';
import { TABLE, type SettingName } from './table.ts';

interface Rule {
  readonly names: readonly SettingName[];
  /** Why they do nothing, in words that follow “since”; undefined if they do something. */
  readonly reason: (given: Given) => string | undefined;
}

/** What makes a setting idle is proven by runs with it and without (tests/long/setting-effects.test.ts). */
const IDLE: readonly Rule[] = [
  {
    names: ['epochs'],
    reason: ({ steps }) => (steps === undefined ? undefined : 'the number of steps is given'),
  },
  {
    names: ['packing'],
    reason: ({ objective }) => {
      const { samples, encodes }: Objective = objectiveOf(objective as string | undefined);
      if (encodes) return 'a query is compared with the texts of a whole batch';
      return samples ? 'sampled answers are not packed' : undefined;
    },
  },
  {
    names: ['sharePrefixes'],
    reason: ({ objective, dropout }) => {
      const { encodes }: Objective = objectiveOf(objective as string | undefined);
      if (encodes) return 'the tokens of an encoder also see what follows them';
      return Number(dropout) > 0 ? 'dropout is different in every row' : undefined;
    },
  },
  {
    names: ['reference', 'klCorrection'],
    reason: ({ objective, ...given }) =>
      objectiveOf(objective as string | undefined).compares?.(given) === false
        ? 'beta is 0, and nothing is compared with a reference policy'
        : undefined,
  },
  {
    names: ['reference'],
    reason: ({ method }) =>
      learnerOf({ method }).trainsModel
        ? 'full fine-tuning is compared with the model as it was before'
        : undefined,
  },
  {
    names: ['epsilon', 'epsilonHigh'],
    reason: ({ numIterations }) =>
      numIterations === 1
        ? 'with one update for each sample no probability has moved yet, and nothing is clipped'
        : undefined,
  },
  {
    names: ['forgettingEvery'],
    reason: ({ forgetting }) => (forgetting === true ? undefined : 'what is forgotten is not measured'),
  },
  {
    names: ['splitSeed'],
    reason: ({ validationFraction, testFraction, mixCap }) =>
      validationFraction === 0 && testFraction === 0 && mixCap === undefined
        ? 'no rows are split off'
        : undefined,
  },
  {
    names: ['mixTemperature'],
    reason: ({ mix }) => (mix === 'temperature' ? undefined : 'shares are not by temperature'),
  },
  {
    names: ['textOverlap'],
    reason: ({ textRows }) => (textRows === 'packed' ? 'documents are laid end to end' : undefined),
  },
];

/**
 * Why a setting does nothing in a run.
 *
 * @param given the settings of the run, as far as they are chosen
 * @returns words that follow “since”; undefined if it does something, or if another method, objective or optimiser has it
 */
export function idleReason(name: string, given: Given): string | undefined {
  const setting = TABLE.find(name);
  if (!setting || !TABLE.applies(setting, given)) return undefined;
  const values = TABLE.resolve(given);
  for (const rule of IDLE) {
    const reason = rule.names.some((one) => one === name) ? rule.reason(values) : undefined;
    if (reason !== undefined) return reason;
  }
  return undefined;
}

interface IdleSetting {
  readonly name: string;
  readonly reason: string;
}

/** The chosen settings that do nothing. A value that holds without a choice is not one: what it says is so. */
export function idleSettings(given: Given): IdleSetting[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const reason = isUsual(name, value as SettingValue, given) ? undefined : idleReason(name, given);
    return reason === undefined ? [] : [{ name, reason }];
  });
}

function isUsual(name: string, value: SettingValue, given: Given): boolean {
  // Three passes are what holds without a choice, but not if the steps are given.
  if (name === 'epochs') return false;
  const { [name]: _, ...others } = given;
  const usual = name === 'splitSeed' ? TABLE.resolve(given)['seed'] : TABLE.resolve(others)[name];
  return JSON.stringify(value) === JSON.stringify(usual);
}

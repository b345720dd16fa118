/** Rewards as written by a person: in a recipe, in a file, after `--reward`. */
import { GraftError } from '../../errors.ts';
import { quoted } from '../../settings/values.ts';
import type { RewardSpec } from '../scorer-spec.ts';
import { isComparing, valuesOf } from '../scorer.ts';
import { readSpec, specScorer } from '../spec.ts';

export const MAX_REWARDS = 16;
export const MAX_WEIGHT = 1000;

/** The name of a reward among others: its own or its kind, with a number if an earlier one has the same name. */
export function rewardNames(specs: readonly Pick<RewardSpec, 'name' | 'as'>[]): string[] {
  const given = specs.map(({ name, as = name }) => as);
  return given.map((name, at) => {
    const before = given.slice(0, at).filter((other) => other === name).length;
    return before === 0 ? name : `${name}-${before + 1}`;
  });
}

/** Whether two lists name the same rewards, with the same weights and settings. */
export const isSameRewards = (a: readonly RewardSpec[] = [], b: readonly RewardSpec[] = []): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** Why these rewards cannot score rows that are only prompts, as a sentence; undefined if none of them needs an answer. */
export function answerProblem(specs: readonly RewardSpec[]): string | undefined {
  const needy = specs.flatMap((spec) => {
    const kind = specScorer(spec.name);
    return kind && isComparing(kind.needs(valuesOf(kind, spec))) ? [kind.label] : [];
  });
  if (needy.length === 0) return undefined;
  const names = [...new Set(needy)].map((label) => `“${label}”`).join(' and ');
  return `${names} ${needy.length === 1 ? 'compares' : 'compare'} with the reference answer, and the rows are prompts without one.`;
}

/**
 * Rewards from JSON: a list of specs, or one.
 * @param where the file or flag, for messages
 * @throws GraftError `reward` naming the reward, its fault, and the allowed values
 */
export function readRewards(value: unknown, where: string): readonly RewardSpec[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > MAX_REWARDS)
    throw new GraftError(
      'reward',
      `${where} has ${list.length === 0 ? 'no rewards' : `${list.length} rewards`}.`,
      `Give 1 to ${MAX_REWARDS}.`,
    );
  const specs = list.map((one, at) =>
    readReward(one, list.length === 1 ? where : `${where}, reward ${at + 1}`),
  );
  if (specs.every(({ weight }) => weight === 0))
    throw new GraftError('reward', `${where}: every weight is 0.`, 'Give one reward a weight above 0.');
  return specs;
}

/** The fault of rewards, in sentences; undefined if there is none. It returns what {@link readRewards} throws. */
export function rewardsProblem(value: unknown, where = 'The list'): string | undefined {
  try {
    readRewards(value, where);
    return undefined;
  } catch (error) {
    if (error instanceof GraftError) return error.message;
    throw error;
  }
}

function readReward(value: unknown, where: string): RewardSpec {
  const { spec, others } = readSpec(value, where, 'reward', ['weight']);
  const { name, ...rest } = spec;
  const { weight = 1 } = others;
  if (typeof weight !== 'number' || !(Math.abs(weight) <= MAX_WEIGHT))
    throw new GraftError(
      'reward',
      `${where}: the weight of ${name} is ${quoted(weight)}.`,
      `Choose a number from −${MAX_WEIGHT} to ${MAX_WEIGHT}.`,
    );
  return { name, weight, ...rest };
}

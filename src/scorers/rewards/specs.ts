/** Rewards as written by a person: in a recipe, in a file, after `--reward`. */
import { GraftError } from '../../errors.ts';
import { isObject } from '../../json.ts';
import { nearestName } from '../../nearest-name.ts';
import { allowed, isAllowed, quoted } from '../../settings/values.ts';
import { isNamed, REWARD_SCORERS } from '../lists.ts';
import { isComparing, valuesOf, type AnswerScorer, type ScorerValue } from '../scorer.ts';

/** A reward of a run as JSON: the name of a scorer, a weight, and settings of this reward by their names. */
export interface RewardSpec {
  readonly name: string;
  /** The name under which its scores are listed; that of the scorer if left out. */
  readonly as?: string;
  /** The weight of its score in the sum; 1 if left out, and 0 to show it only. */
  readonly weight?: number;
  readonly [setting: string]: ScorerValue | undefined;
}

export const MAX_REWARDS = 16;
export const MAX_WEIGHT = 1000;
/** Characters of the name of a reward's own. */
export const LONGEST_NAME = 60;

/** The scorer that a reward names. */
export const rewardKind = (name: string): AnswerScorer | undefined =>
  REWARD_SCORERS.find((scorer) => isNamed(scorer, name));

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
    const kind = rewardKind(spec.name);
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

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_NAME;

function readReward(value: unknown, where: string): RewardSpec {
  const wrong = (what: string, remedy: string): GraftError =>
    new GraftError('reward', `${where}: ${what}`, remedy);
  if (!isObject(value) || typeof value['name'] !== 'string')
    throw wrong('a reward is an object with a name.', 'Write it as {"name": "exact-match", "weight": 1}.');
  const { name, weight = 1, as, ...given } = value as { name: string; weight?: unknown; as?: unknown };
  const kind = rewardKind(name);
  if (!kind) throw unknownReward(name, where);
  if (as !== undefined && !isName(as))
    throw wrong(
      `the name of ${name} in lists ("as") is ${quoted(as)}.`,
      `Write a text of 1 to ${LONGEST_NAME} characters.`,
    );
  if (typeof weight !== 'number' || !(Math.abs(weight) <= MAX_WEIGHT))
    throw wrong(
      `the weight of ${name} is ${quoted(weight)}.`,
      `Choose a number from −${MAX_WEIGHT} to ${MAX_WEIGHT}.`,
    );
  const names = kind.settings.map((setting) => setting.name);
  const stray = Object.keys(given).find((key) => !names.includes(key));
  if (stray !== undefined) {
    const near = nearestName(stray, names);
    throw wrong(
      `${name} has no setting ${quoted(stray)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
      `It has ${['weight', 'as', ...names].join(', ')}.`,
    );
  }
  const spec: Record<string, ScorerValue> = {};
  for (const setting of kind.settings) {
    const raw = (given as Record<string, unknown>)[setting.name];
    if (raw === undefined) {
      if (setting.default === undefined)
        throw wrong(`${name} needs ${setting.name}.`, `Give it: ${lower(setting.help)}`);
      continue;
    }
    const one = setting.holds === 'json' && typeof raw !== 'string' ? JSON.stringify(raw) : raw;
    if (!isAllowed(setting, one))
      throw wrong(`${setting.name} of ${name} is ${quoted(raw)}.`, `Choose ${allowed(setting)}.`);
    spec[setting.name] = one as ScorerValue;
  }
  const read: RewardSpec = { name, weight, ...(as !== undefined && { as }), ...spec };
  const problem = kind.problem?.(valuesOf(kind, read));
  if (problem !== undefined)
    throw wrong(`${name} cannot be used: ${problem}.`, 'Correct it, or leave the reward out.');
  return read;
}

const lower = (sentence: string): string => sentence.slice(0, 1).toLowerCase() + sentence.slice(1);

/** @throws GraftError always */
export function unknownReward(name: string, where: string): GraftError {
  const names = REWARD_SCORERS.map((kind) => kind.name);
  const near = nearestName(name, names);
  return new GraftError(
    'reward',
    `${where}: there is no reward ${quoted(name)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    `There are ${names.join(', ')}.`,
  );
}

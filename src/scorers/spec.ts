/** Scorers with settings as a person writes them: rewards in a recipe, metrics of an evaluation, in files and after flags. */
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import { nearestName } from '../nearest-name.ts';
import { allowed, isAllowed, quoted } from '../settings/values.ts';
import { isNamed, REWARD_SCORERS } from './lists.ts';
import type { ScorerSpec, ScorerValue } from './scorer-spec.ts';
import { valuesOf, type AnswerScorer } from './scorer.ts';

/** What a scorer is used as: the code of errors, and its word in them. */
export type ScorerUse = 'reward' | 'metric';

const EXAMPLES: Readonly<Record<ScorerUse, string>> = {
  reward: '{"name": "exact-match", "weight": 1}',
  metric: String.raw`{"name": "regex", "pattern": "^\\d+$"}`,
};

/** Characters of a name of a person's own. */
export const LONGEST_NAME = 60;

/** The scorer that a spec names; undefined if it names none that scores each answer. */
export const specScorer = (name: string): AnswerScorer | undefined =>
  REWARD_SCORERS.find((scorer) => isNamed(scorer, name));

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_NAME;

/**
 * @param where the file or flag, for messages
 * @param extra keys that this use has in addition
 * @returns the spec, and the values of these keys
 * @throws GraftError `reward`, `metric` naming the scorer, its fault, and the allowed values
 */
export function readSpec(
  value: unknown,
  where: string,
  use: ScorerUse,
  extra: readonly string[] = [],
): { readonly spec: ScorerSpec; readonly others: Readonly<Record<string, unknown>> } {
  const wrong = (what: string, remedy: string): GraftError =>
    new GraftError(use === 'reward' ? 'reward' : 'metric', `${where}: ${what}`, remedy);
  if (!isObject(value) || typeof value['name'] !== 'string')
    throw wrong(`a ${use} is an object with a name.`, `Write it as ${EXAMPLES[use]}.`);
  const { name, as, ...given } = value as { name: string; as?: unknown } & Record<string, unknown>;
  const scorer = specScorer(name);
  if (!scorer) throw unknownScorer(name, where, use);
  if (as !== undefined && !isName(as))
    throw wrong(
      `the name of ${name} in lists ("as") is ${quoted(as)}.`,
      `Write a text of 1 to ${LONGEST_NAME} characters.`,
    );
  const names = scorer.settings.map((setting) => setting.name);
  const stray = Object.keys(given).find((key) => !names.includes(key) && !extra.includes(key));
  if (stray !== undefined) {
    const near = nearestName(stray, names);
    throw wrong(
      `${name} has no setting ${quoted(stray)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
      `It has ${[...extra, 'as', ...names].join(', ')}.`,
    );
  }
  const values: Record<string, ScorerValue> = {};
  for (const setting of scorer.settings) {
    const raw = given[setting.name];
    if (raw === undefined) {
      if (setting.default === undefined)
        throw wrong(`${name} needs ${setting.name}.`, `Give it: ${lower(setting.help)}`);
      continue;
    }
    const one = setting.holds === 'json' && typeof raw !== 'string' ? JSON.stringify(raw) : raw;
    if (!isAllowed(setting, one))
      throw wrong(`${setting.name} of ${name} is ${quoted(raw)}.`, `Choose ${allowed(setting)}.`);
    values[setting.name] = one as ScorerValue;
  }
  const spec = { name, ...(as !== undefined && { as }), ...values };
  const problem = scorer.problem?.(valuesOf(scorer, spec));
  if (problem !== undefined)
    throw wrong(`${name} cannot be used: ${problem}.`, `Correct it, or leave the ${use} out.`);
  return { spec, others: Object.fromEntries(extra.map((key) => [key, given[key]])) };
}

const lower = (sentence: string): string => sentence.slice(0, 1).toLowerCase() + sentence.slice(1);

/** The error for a name that no scorer of answers has. */
export function unknownScorer(name: string, where: string, use: ScorerUse): GraftError {
  const names = REWARD_SCORERS.map((scorer) => scorer.name);
  const near = nearestName(name, names);
  return new GraftError(
    use === 'reward' ? 'reward' : 'metric',
    `${where}: there is no ${use} ${quoted(name)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    `There are ${names.join(', ')}.`,
  );
}

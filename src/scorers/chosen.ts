/**
 * Metrics as a person chooses them: by a scorer's name, or as a spec with settings. A spec becomes a scorer of attempts with a name of its own, so
 * columns, intervals, orders and reports treat it as any other.
 */
import { GraftError } from '../errors.ts';
import { isNamed, NAMED_SCORERS, scorerNamed } from './lists.ts';
import { openScorer } from './open.ts';
import { SCORERS } from './registry.ts';
import type { ScorerSpec } from './scorer-spec.ts';
import { valuesOf, type AttemptScorer, type Scorer } from './scorer.ts';
import { LONGEST_NAME, readSpec, specScorer } from './spec.ts';

export type ScorerChoice = string | ScorerSpec;

/** Most metrics with settings of one measurement. */
export const MAX_SPECS = 16;

/** Names that records and task cards give to other numbers. */
const TAKEN = /^(reward|reward\/.*|reward-passed|pairs-in-order)$/;

/** A scorer with its settings, as reports print it: `regex ^\d+$ flags=i`. Settings that have their initial value are left out. */
export function specInWords(spec: ScorerSpec): string {
  const settings = specScorer(spec.name)?.settings ?? [];
  const words = settings.flatMap(({ name, default: initial }) => {
    const value = spec[name];
    if (value === undefined || value === initial) return [];
    return [initial === undefined ? String(value) : `${name}=${value}`];
  });
  return [spec.name, ...words].join(' ').replaceAll(/\s+/g, ' ').trim();
}

/** Characters of settings in a line under a table. */
const LONGEST_WORDS = 200;

/** What own names stand for, in a line each: `digits: regex ^\d+$`. Settings that are longer are cut. */
export const ownNamesInWords = (metrics: readonly Scorer[]): readonly string[] =>
  metrics.flatMap((metric) => {
    const spec = scorerSpecOf(metric);
    const words = spec && specInWords(spec);
    if (words === undefined || words === metric.name) return [];
    return `${metric.name}: ${words.length <= LONGEST_WORDS ? words : `${words.slice(0, LONGEST_WORDS)}…`}`;
  });

/** The name of its column: a person's own, else the scorer with its settings, cut if they are long. */
export function nameOfSpec(spec: ScorerSpec): string {
  if (spec.as !== undefined) return spec.as;
  const words = specInWords(spec);
  return words.length <= LONGEST_NAME ? words : `${words.slice(0, LONGEST_NAME - 1)}…`;
}

/** The name of its column. */
export const nameOfChoice = (choice: ScorerChoice): string =>
  typeof choice === 'string' ? choice : nameOfSpec(choice);

/** @param spec one that {@link readChoices} gave @throws Error if it names no scorer of answers */
export function withSettings(spec: ScorerSpec): AttemptScorer {
  const scorer = specScorer(spec.name);
  if (!scorer) throw new Error(`There is no scorer ${spec.name} of answers.`);
  const values = valuesOf(scorer, spec);
  const name = nameOfSpec(spec);
  const { help, entry, better, range, format, scale } = scorer;
  const counts = scorer.of === 'answers' ? scorer.binary : scorer.counts;
  const fallback = scorer.of === 'answers' ? undefined : scorer.fallback;
  return {
    of: 'attempts',
    ...{ name, label: name, heading: name, help, entry, better, format, spec },
    ...(range && { range }),
    ...(scale !== undefined && { scale }),
    ...(counts && { counts }),
    ...(fallback !== undefined && { fallback }),
    settings: [],
    needs: () => scorer.needs(values),
    open: (_, where, sandbox) => openScorer(scorer, values, where, sandbox),
  };
}

/** Undefined for a name that is none. */
export const scorerOfChoice = (choice: ScorerChoice): Scorer | undefined =>
  typeof choice === 'string' ? scorerNamed(choice) : withSettings(choice);

/** The usual scorers and the chosen ones, in the order of the registry; then those with settings. */
export const scorersWith = (choices: readonly ScorerChoice[]): readonly Scorer[] => [
  ...NAMED_SCORERS.filter(({ name, usual }) => usual || choices.includes(name)),
  ...choices.flatMap((choice) => (typeof choice === 'string' ? [] : [withSettings(choice)])),
];

/** The settings of a scorer that a person gave it; undefined for one of the registry. */
export const scorerSpecOf = (scorer: Scorer): ScorerSpec | undefined =>
  scorer.of === 'attempts' ? scorer.spec : undefined;

/** What a person chooses to have this scorer. */
export const scorerChoiceOf = (scorer: Scorer): ScorerChoice => scorerSpecOf(scorer) ?? scorer.name;

/** Whether two columns of one name have the same settings; undefined for a scorer of the registry. */
export const isSameSpec = (a: ScorerSpec | undefined, b: ScorerSpec | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/**
 * Metrics from JSON: specs, and names of scorers. A spec that changes nothing is the name of its scorer, and the same choice twice is one.
 *
 * @param where the file or flag, for messages
 * @throws GraftError `metric` naming the scorer, its fault, and the allowed values
 */
export function readChoices(given: readonly unknown[], where: string): readonly ScorerChoice[] {
  const choices: ScorerChoice[] = [];
  for (const [at, one] of given.entries()) {
    const choice =
      typeof one === 'string'
        ? one
        : readChoice(one, given.length === 1 ? where : `${where}, metric ${at + 1}`);
    const other = choices.find((before) => nameOfChoice(before) === nameOfChoice(choice));
    if (other === undefined) choices.push(choice);
    else if (JSON.stringify(other) !== JSON.stringify(choice))
      throw new GraftError(
        'metric',
        `${where}: two metrics have the name “${nameOfChoice(choice)}”.`,
        'Give each a name of its own with "as".',
      );
  }
  const specs = choices.filter((choice) => typeof choice !== 'string').length;
  if (specs > MAX_SPECS)
    throw new GraftError('metric', `${where}: ${specs} metrics have settings.`, `Give at most ${MAX_SPECS}.`);
  return choices;
}

/** @throws GraftError `metric` */
function readChoice(value: unknown, where: string): ScorerChoice {
  const { spec } = readSpec(value, where, 'metric');
  const { name, as } = spec;
  if (Object.keys(spec).length === 1) return name;
  if (as !== undefined && isTaken(as))
    throw new GraftError(
      'metric',
      `${where}: the name “${as}” belongs to another number.`,
      'Choose another one: "as" in JSON, or the name of a file of JavaScript.',
    );
  return spec;
}

/** Whether a column of this name would be taken for another one. */
const isTaken = (name: string): boolean =>
  TAKEN.test(name) || name in {} || SCORERS.some((scorer: Scorer) => isNamed(scorer, name));

/** The fault of a metric with settings, in sentences; undefined if there is none. */
export function choiceProblem(value: unknown, where: string): string | undefined {
  try {
    readChoice(value, where);
    return undefined;
  } catch (error) {
    if (error instanceof GraftError) return error.message;
    throw error;
  }
}

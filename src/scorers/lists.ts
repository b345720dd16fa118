/** Lists of scorers by use, made from the registry. */
import { SCORERS, type ScorerName } from './registry.ts';
import { needsOf, type AnswerScorer, type Need, type Scorer, type TextScorer } from './scorer.ts';

/** Whether it scores answers by their texts, also all rows together. */
export const isTextScorer = (scorer: Scorer): scorer is TextScorer => scorer.of === 'answers';
/** Whether it scores answers or attempts, and not a model's likelihood. */
export const isAnswerScorer = (scorer: Scorer): scorer is AnswerScorer => scorer.of !== 'likelihood';

/** Whether its score is of all rows together, and not the mean of the rows' scores. */
export const isOfCorpus = (scorer: Scorer): boolean =>
  scorer.of === 'likelihood' || (scorer.of === 'answers' && scorer.corpus !== undefined);

/** Those whose column every table has. */
export const USUAL_SCORERS = SCORERS.filter(({ usual }) => usual === true);

/** The same without those of a model's likelihood. */
export const USUAL_TEXT_SCORERS = (USUAL_SCORERS as readonly Scorer[]).filter(isTextScorer);

export const TEXT_SCORERS = (SCORERS as readonly Scorer[]).filter(isTextScorer);

/** Those that a name chooses, as `--metrics` and the page do: every setting has an initial value. */
export const NAMED_SCORERS: readonly Scorer[] = SCORERS.filter(({ settings }) =>
  settings.every(({ default: initial }) => initial !== undefined),
);

/** Those that can be rewards: they give each answer a score. */
export const REWARD_SCORERS: readonly AnswerScorer[] = (SCORERS as readonly Scorer[])
  .filter(isAnswerScorer)
  .filter((scorer) => !isOfCorpus(scorer));

/** Whether it has this name, or had it before. */
export const isNamed = ({ name, aliases = [] }: Scorer, wanted: string): boolean =>
  name === wanted || aliases.includes(wanted);

/** The scorer with this name, or this former name; undefined if there is none. */
export const scorerNamed = (name: string): Scorer | undefined =>
  SCORERS.find((scorer) => isNamed(scorer, name));

/** Those of `among` that rows with these things can be scored by. */
export const scorersFor = (has: ReadonlySet<Need>, among: readonly Scorer[] = NAMED_SCORERS): Scorer[] =>
  among.filter((scorer) => needsOf(scorer).every((need) => has.has(need)));

/** The headings of the entries of the glossary, by the scorers' names. */
export const SCORER_TITLES = Object.fromEntries(
  SCORERS.map(({ name, entry }) => [name, entry.title]),
) as Readonly<Record<ScorerName, string>>;

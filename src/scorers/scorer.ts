/**
 * Scorers: what an answer is worth. Each has a file of its own in this folder and its line in registry.ts. Columns of tables, `--metrics`, `--reward`, the
 * form of rewards, the glossary and docs/reference/scorers.md are made from that list.
 */
import type { ScorerSpec, ScorerValue } from './scorer-spec.ts';
import type { ChoiceSetting, NumberSetting, SwitchSetting, TextSetting } from '../settings/setting.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** An entry of the glossary, under the name of the scorer. */
interface ScorerEntry {
  /** The heading of the entry. */
  readonly title: string;
  /** What it is, in plain words. */
  readonly what: string;
  readonly more?: string;
  readonly less?: string;
  readonly start?: string;
  /** Where to read on: a paper or a manual. */
  readonly source: string;
  /** Other words that people search for. */
  readonly also?: string;
}

/** The value of a scorer over all rows. */
export interface Score {
  readonly value: number;
  /** Where the value is a share of the rows: how many they are, with the 95% interval. */
  readonly share?: {
    readonly count: number;
    readonly total: number;
    readonly interval: readonly [number, number];
  };
}

/** The loss of a model on rows, and how many of their tokens it would have chosen. */
export interface Likelihood {
  /** Mean cross-entropy over the supervised tokens, in nats. */
  readonly loss: number;
  readonly perplexity: number;
  readonly supervisedTokens?: number;
  /** Supervised tokens that are the likeliest in their place; missing in results of earlier versions. */
  readonly rightTokens?: number;
}

/** An answer with every text that is right for it. */
export interface Predicted {
  readonly answer: string;
  /** One or more. */
  readonly references: readonly string[];
}

/** Indices of rows, as often as they count. */
export type Resample = ArrayLike<number>;

/** An answer to be scored, with all that is known of its row. */
export interface Attempt {
  readonly prompt: string;
  readonly completion: string;
  /** Tokens of the completion. */
  readonly tokens: number;
  /** Whether it was cut at the limit. */
  readonly cut: boolean;
  /** The row's reference answer, if it has one. */
  readonly answer?: string;
  /** The passages that were put before the question; missing if there were none. */
  readonly passages?: readonly string[];
  /** The row's other columns. */
  readonly row: Readonly<Record<string, unknown>>;
}

/**
 * What a scorer reads in addition to the answer: the reference answer (`reference`, or `label` if it has to be one of few), the prompt, the passages before
 * the question, the other columns of the row, the number of tokens of the answer, or the likelihood of the reference answer to the model.
 */
export type Need = 'reference' | 'label' | 'prompt' | 'passages' | 'columns' | 'tokens' | 'likelihood';

/** A setting of a scorer. One without an initial value has to be given. */
export type ScorerSetting = (NumberSetting | SwitchSetting | ChoiceSetting | TextSetting) & {
  /** The kind of a text, which decides the size of its field in the form. A spec may also have JSON directly. */
  readonly holds?: 'json' | 'code';
};

/** The settings of a scorer by name, with initial values for those that were not given. */
export type ScorerValues = Readonly<Record<string, ScorerValue>>;

/** The result of an attempt: a score, or the score with the numbers that are shown next to it, in the order of `shown`. */
export type ScoringOutcome = number | { readonly score: number; readonly shown: readonly number[] };

/** Scores attempts. An error is a failure of this attempt. */
export interface OpenScorer {
  score(attempt: Attempt): ScoringOutcome | Promise<ScoringOutcome>;
}

interface Common {
  /** As `--metrics`, `--reward` and files name it: words joined by dashes. */
  readonly name: string;
  /** Names that it had before, which files and flags may still have. */
  readonly aliases?: readonly string[];
  /** As lists and forms name it. */
  readonly label: string;
  /** The heading of its column. */
  readonly heading: string;
  /** What it scores, in one sentence. */
  readonly help: string;
  readonly entry: ScorerEntry;
  readonly better: 'higher' | 'lower';
  /** The least and the most that an answer can get; missing if a person's own code decides, and for a loss. */
  readonly range?: readonly [min: number, most: number];
  /** The value as people read it. */
  readonly format: (value: number) => string;
  readonly settings: readonly ScorerSetting[];
  /** What a row must have for a score. */
  readonly needs: (values: ScorerValues) => readonly Need[];
  /** Texts without which an answer gets nothing, such as a tag. */
  readonly marks?: (values: ScorerValues) => readonly string[];
  /** What to change if the rows show none of them, as the end of a sentence. */
  readonly instead?: string;
  /** Names of the numbers that are shown next to the score without counting. */
  readonly shown?: readonly string[];
  /** A fault of values that have the right types, as the end of a sentence: `its pattern is no regular expression`. */
  readonly problem?: (values: ScorerValues) => string | undefined;
  /** Whether every table has its column; other scorers are chosen. */
  readonly usual?: true;
  /** Reports and files have the score times this number, as the published implementation prints it; 1 if it is missing. */
  readonly scale?: number;
}

/** Compares an answer with the expected one by arithmetic on the two texts: the page does that with the answers of an older record. */
export interface TextScorer extends Common {
  readonly of: 'answers';
  /** Whether a row with this expected answer has a score. */
  readonly applies: (expected: string) => boolean;
  /** The form in which two texts are compared. */
  readonly normalise: (text: string) => string;
  /** Compares two normalised texts: 1 is as good as it gets, 0 as bad. */
  readonly score: (answer: string, expected: string) => number;
  /** Over the scored rows. @param rows their texts, for a score that adds up counts over all of them */
  readonly aggregate: (
    scores: readonly number[],
    rows?: readonly { readonly expected: string; readonly answer: string }[],
  ) => Score;
  /** Whether the score of a row is 0 or 1, and that of all rows their share. */
  readonly binary?: true;
  /** Scores an answer that has several references at once; without it the best of their scores counts. */
  readonly scoreSeveral?: (answer: string, references: readonly string[]) => number;
  /** The score of any sample of the rows, for a score of a corpus: one that is not the mean of the rows' scores. */
  readonly corpus?: (rows: readonly Predicted[]) => (sample: Resample) => number;
}

/** Reads all of an attempt, and may take its time: code in the sandbox, a service, a model. */
export interface AttemptScorer extends Common {
  readonly of: 'attempts';
  /** As a person chose it, if it has settings of theirs. */
  readonly spec?: ScorerSpec;
  /** Whether it counts rows: if every row has 0 or 1, the score of all of them is a share. */
  readonly counts?: true;
  /** The score of an attempt on which it fails; without it that attempt has none. */
  readonly fallback?: number;
  /** @param sandbox for code that may not end @throws GraftError for faults that only show when it is opened */
  open(values: ScorerValues, where: string, sandbox: Sandbox): OpenScorer | Promise<OpenScorer>;
}

/** Says how likely the expected answers are to a model. */
export interface LikelihoodScorer extends Common {
  readonly of: 'likelihood';
  /** Undefined if it was not measured. */
  readonly aggregate: (likelihood: Likelihood) => Score | undefined;
}

export type Scorer = TextScorer | AttemptScorer | LikelihoodScorer;
/** A scorer of answers, which can be a reward unless its score is that of a corpus. */
export type AnswerScorer = TextScorer | AttemptScorer;

/** The reference answer. @throws Error if the row has none */
export function referenceAnswer({ answer }: Attempt): string {
  if (answer === undefined) throw new Error('the row has no reference answer');
  return answer;
}

/** The score of one row; undefined if the scorer does not apply to it. */
export function rowScore(scorer: TextScorer, answer: string, expected: string): number | undefined {
  if (!scorer.applies(expected)) return undefined;
  return scorer.score(scorer.normalise(answer), scorer.normalise(expected));
}

/** The score of one row whose references are all right; undefined if the scorer applies to none of them. */
export function scoreOfSeveral(scorer: TextScorer, { answer, references }: Predicted): number | undefined {
  if (references.length > 1 && scorer.scoreSeveral) return scorer.scoreSeveral(answer, references);
  const scores = references.flatMap((reference) => rowScore(scorer, answer, reference) ?? []);
  return scores.length === 0 ? undefined : Math.max(...scores);
}

/** A score as reports and files have it. */
export const inPrint = ({ scale = 1 }: Pick<Scorer, 'scale'>, value: number): number => value * scale;

/** The mean of the rows' scores; NaN without rows. */
export const meanScore = (scores: readonly number[]): Score => ({
  value: scores.reduce((sum, score) => sum + score, 0) / scores.length,
});

/** Whether rows are counted: their score is the share of those that have 1. @param scores of the rows that have one */
export const isShare = (scorer: Scorer, scores: readonly number[]): boolean =>
  scorer.of === 'attempts' && scorer.counts === true && scores.every((score) => score === 0 || score === 1);

/** The least and the most that a row can get; undefined if that is not known. @param each row by row */
export const rangeIn = (
  scorer: Scorer,
  each: readonly (number | null | undefined)[],
): Scorer['range'] | undefined =>
  scorer.range ??
  (isShare(
    scorer,
    each.flatMap((score) => score ?? []),
  )
    ? [0, 1]
    : undefined);

/** The settings of a scorer, with initial values for those that were not given. */
export const valuesOf = (
  { settings }: Pick<Scorer, 'settings'>,
  given: Readonly<Record<string, ScorerValue | undefined>> = {},
): ScorerValues =>
  Object.fromEntries(
    settings.map(({ name, default: initial }) => [
      name,
      given[name] ?? (initial as ScorerValue | undefined) ?? '',
    ]),
  );

/** What a row must have for a scorer with its initial settings. */
export const needsOf = (scorer: Scorer): readonly Need[] => scorer.needs(valuesOf(scorer));

/** Whether it compares with the reference answer. */
export const isComparing = (needs: readonly Need[]): boolean =>
  needs.includes('reference') || needs.includes('label');

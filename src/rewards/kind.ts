/** Rewards. Each has a file in this folder and a line in registry.ts: form, flags, checks and docs follow from it. */
import type { Sandbox } from './sandbox.ts';
import type { ChoiceSetting, NumberSetting, SwitchSetting, TextSetting } from '../settings/setting.ts';

/** A completion to be scored. */
export interface Attempt {
  readonly prompt: string;
  readonly completion: string;
  /** Tokens of the completion. */
  readonly tokens: number;
  /** Whether it was cut at the limit. */
  readonly cut: boolean;
  /** The row's wanted answer, where it has one. */
  readonly answer?: string;
  /** The row's other columns. */
  readonly row: Readonly<Record<string, unknown>>;
}

/** A setting of a reward. One without an initial value has to be given. */
export type RewardSetting = (NumberSetting | SwitchSetting | ChoiceSetting | TextSetting) & {
  /** The kind of a text, which decides the size of its field in the form. A spec may also have JSON directly. */
  readonly holds?: 'json' | 'code';
};

export type RewardValue = number | string | boolean;
/** The settings of a reward by name, with initial values for those that were not given. */
export type RewardValues = Readonly<Record<string, RewardValue>>;

/** The result of an attempt: a score, or the score with the numbers that are shown beside it, in the order of `shown`. */
export type RewardOutcome = number | { readonly score: number; readonly shown: readonly number[] };

/** Scores attempts. An error is a failure of this attempt: it is counted, and the attempt gets FALLBACK_SCORE. */
export interface Scorer {
  score(attempt: Attempt): RewardOutcome | Promise<RewardOutcome>;
}

export interface RewardKind {
  /** As `--reward` and files name it: lower case, words joined by dashes. */
  readonly name: string;
  readonly label: string;
  /** What it scores, in one sentence. */
  readonly help: string;
  readonly settings: readonly RewardSetting[];
  /** The least and the most that an attempt can get; missing where a person's own code decides. */
  readonly range?: readonly [least: number, most: number];
  /** Whether it needs the row's wanted answer: a row without one scores nothing. */
  compares?(values: RewardValues): boolean;
  /** Texts without which a completion gets nothing, such as a tag. */
  needs?(values: RewardValues): readonly string[];
  /** What to change where the rows show none of them, as the end of a sentence. */
  readonly instead?: string;
  /** Names of the numbers that are shown beside the score without counting. */
  readonly shown?: readonly string[];
  /** A fault of values that have the right types, as the end of a sentence: `its pattern is no regular expression`. */
  problem?(values: RewardValues): string | undefined;
  /** @param sandbox for code that may not end @throws GraftError for faults that only show when it is opened */
  open(values: RewardValues, where: string, sandbox: Sandbox): Scorer | Promise<Scorer>;
}

/** The wanted answer. @throws Error where the row has none */
export function wantedAnswer({ answer }: Attempt): string {
  if (answer === undefined) throw new Error('the row has no wanted answer');
  return answer;
}

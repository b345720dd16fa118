/** What the likelihoods of choices say in addition to the chosen answers: of one subject of a record. */
import { percent, threeDigits } from '../numbers.ts';
import {
  brierScore,
  calibrationError,
  largest,
  probabilitiesOf,
  reliabilityBins,
  type ChoiceProbabilities,
  type ReliabilityBin,
} from '../scorers/calibration.ts';
import type { Evaluation } from './record.ts';
import type { Side } from './sides.ts';

export interface ChoiceReport {
  /** Rows whose answer was chosen. */
  readonly rows: number;
  /** The share of rows whose likeliest choice is right: what counts as the answer. */
  readonly accuracy: number;
  /** The same if the log-probability is divided by the characters of the choice, as `acc_norm` of lm-evaluation-harness. */
  readonly accuracyByLength: number;
  /** Of the probabilities of the choices (calibration.ts). */
  readonly calibrationError: number;
  readonly brier: number;
  /** The bins of a reliability diagram. */
  readonly bins: readonly ReliabilityBin[];
}

/** The choices of a row; undefined if its answers were generated. */
export const choicesIn = ({ items, made }: Evaluation, item: number): readonly string[] | undefined =>
  items[item].choices ?? made.choices?.texts;

/** The choices of a row with the log-probabilities that a subject gave them; undefined if it chose none. */
export function likelihoodsIn(
  record: Evaluation,
  item: number,
  subject: number,
): { readonly texts: readonly string[]; readonly logProbabilities: readonly number[] } | undefined {
  const texts = choicesIn(record, item);
  const logProbabilities = record.evidence[item][subject]?.logProbabilities;
  return texts && logProbabilities?.length === texts.length && texts.length > 0
    ? { texts, logProbabilities }
    : undefined;
}

/** Headings of {@link choiceCells}. */
export const CHOICE_COLUMNS: readonly string[] = [
  'right',
  'right, by length',
  'calibration error',
  'Brier score',
];

/** The numbers of a report as tables have them. */
export const choiceCells = (report: ChoiceReport): string[] => [
  percent(report.accuracy),
  percent(report.accuracyByLength),
  threeDigits(report.calibrationError),
  threeDigits(report.brier),
];

/** Undefined if nothing was chosen. */
export function choiceReport({ record, at, answers }: Side): ChoiceReport | undefined {
  const judged: ChoiceProbabilities[] = [];
  let byLength = 0;
  for (let item = 0; item < answers.length; item++) {
    const chosen = likelihoodsIn(record, item, at);
    if (!chosen) continue;
    const { texts, logProbabilities } = chosen;
    const right = texts.findIndex((text) => text.trim() === record.items[item].expected.trim());
    const perCharacter = logProbabilities.map((value, choice) => value / texts[choice].length);
    byLength += Number(largest(perCharacter) === right);
    judged.push({ probabilities: probabilitiesOf(logProbabilities), right });
  }
  const rows = judged.length;
  if (rows === 0) return undefined;
  return {
    rows,
    accuracy: judged.filter(({ probabilities, right }) => largest(probabilities) === right).length / rows,
    accuracyByLength: byLength / rows,
    calibrationError: calibrationError(judged),
    brier: brierScore(judged),
    bins: reliabilityBins(judged),
  };
}

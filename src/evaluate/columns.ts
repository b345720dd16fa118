/** What the tables and the verdict read of a record: the columns of one subject. */
import { ofTask, lossOfTask } from './by-task.ts';
import { isSameSpec, scorersWith, scorerSpecOf, withSettings, type ScorerChoice } from '../scorers/chosen.ts';
import { exactMatch } from '../scorers/exact-match.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { scorerNamed, USUAL_SCORERS, TEXT_SCORERS } from '../scorers/lists.ts';
import { SCORERS } from '../scorers/registry.ts';
import { answerScores, scoresFrom, type Scores } from '../scorers/scores.ts';
import type { Evaluation } from './record.ts';
import { scoresOfSubject, type Side } from './sides.ts';

/** What a scorer gave the answers, row by row; undefined if the record has no such scorer. */
export function scoresIn(
  { record, at, answers }: Side,
  scorer: string,
): readonly (number | null)[] | undefined {
  const known = scoresOfSubject(record, at, scorer, answers.length);
  // A metric that is newer than the record, or was named by the call; answers to prompts alone have none.
  const metric = known ? undefined : TEXT_SCORERS.find(({ name }) => name === scorer);
  return metric && record.scorers.some(({ name }) => name === exactMatch.name)
    ? answerScores(
        metric,
        answers.map((answer, row) => ({ answer, expected: record.items[row].expected })),
      )
    : known;
}

/** The scorers that were chosen for a record: names, then those with settings. */
export const chosenIn = ({ scorers }: Evaluation): readonly ScorerChoice[] => [
  ...SCORERS.filter((scorer) => !scorer.usual && scorers.some(({ name }) => name === scorer.name)).map(
    ({ name }) => name,
  ),
  ...scorers.flatMap(({ scorer }) => scorer ?? []),
];

/** The scorers whose columns a table of the record has: the usual ones, and those that were chosen. */
export const scorersOf = (record: Evaluation): readonly Scorer[] => scorersWith(chosenIn(record));

/** The scorer that a record, or else the registry, knows by a name. */
export function scorerIn({ scorers }: Evaluation, name: string): Scorer | undefined {
  const spec = scorers.find((used) => used.name === name)?.scorer;
  return spec ? withSettings(spec) : scorerNamed(name);
}

/** Whether the column of this name has the numbers of this scorer, and not of one with other settings. */
const isOfRecord = ({ scorers }: Evaluation, scorer: Scorer): boolean =>
  isSameSpec(scorers.find(({ name }) => name === scorer.name)?.scorer, scorerSpecOf(scorer));

/** Values over all answered rows, by the names of the metrics. */
export function metricsOf(side: Side, wanted: readonly Scorer[] = USUAL_SCORERS): Scores {
  const { record, answers, subject, exact, right } = side;
  const metrics = wanted.filter((metric) => isOfRecord(record, metric));
  const rows = record.items.slice(0, answers.length);
  const scores = scoresFrom(
    {
      rows: rows.map(({ expected }, at) => ({ expected, answer: answers[at] })),
      scores: (name) => scoresIn(side, name),
      likelihood: subject.loss,
    },
    metrics,
  );
  const isCounted = right === undefined && metrics.includes(exactMatch);
  return isCounted && exact.total > 0
    ? { [exactMatch.name]: { value: exact.count / exact.total, share: exact }, ...scores }
    : scores;
}

/** The same of the rows of one task. */
export function metricsOfTask(side: Side, task: string, wanted: readonly Scorer[] = USUAL_SCORERS): Scores {
  const { record, answers, subject } = side;
  const metrics = wanted.filter((metric) => isOfRecord(record, metric));
  const rows = record.items.slice(0, answers.length);
  return scoresFrom(
    {
      rows: ofTask(
        rows.map(({ expected }, at) => ({ expected, answer: answers[at] })),
        rows,
        task,
      ),
      scores(name) {
        const scores = scoresIn(side, name);
        return scores && ofTask(scores, rows, task);
      },
      likelihood: lossOfTask(subject.loss, task),
    },
    metrics,
  );
}

/** Adds scorers to a record: those that compare texts need only the answers that it keeps, and those of the likelihood the losses. */
import { answerScores } from '../scorers/scores.ts';
import { TEXT_SCORERS } from '../scorers/lists.ts';
import { SCORERS } from '../scorers/registry.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { EXACT_MATCH } from '../scorers/parts/share.ts';
import type { Evaluation } from './record.ts';
import { sideOf } from './sides.ts';

/**
 * The same record with the columns of these scorers, as far as it has none of them and stored answers or losses are enough.
 *
 * @param names of scorers; those that have to run again are left out
 */
export function addScorers(record: Evaluation, names: readonly string[]): Evaluation {
  const isKnown = (wanted: string): boolean => record.scorers.some(({ name }) => name === wanted);
  // Answers to prompts alone have nothing to be compared with.
  const added = isKnown(EXACT_MATCH)
    ? TEXT_SCORERS.filter(({ name }) => names.includes(name) && !isKnown(name))
    : [];
  const ofLoss = (SCORERS as readonly Scorer[]).filter(
    (scorer) =>
      scorer.of === 'likelihood' &&
      !scorer.usual &&
      names.includes(scorer.name) &&
      !isKnown(scorer.name) &&
      record.subjects.some(({ loss }) => loss && scorer.aggregate(loss)),
  );
  if (added.length + ofLoss.length === 0) return record;
  const columns = record.subjects.map((_, at) => {
    const rows = sideOf(record, at).answers.map((answer, row) => ({
      answer,
      expected: record.items[row].expected,
    }));
    return added.map((scorer) => answerScores(scorer, rows));
  });
  return {
    ...record,
    scorers: [...record.scorers, ...[...added, ...ofLoss].map(({ name }) => ({ name }))],
    scores: record.scores.map((subjects, item) =>
      subjects.map((scores, at) => [
        ...scores,
        ...columns[at].map((column) => column[item] ?? null),
        ...ofLoss.map(() => null),
      ]),
    ),
  };
}

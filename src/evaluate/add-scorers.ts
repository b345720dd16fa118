/** Adds scorers to a record: those that compare texts need only the answers that it keeps. */
import { answerScores } from '../scorers/scores.ts';
import { TEXT_SCORERS } from '../scorers/lists.ts';
import { EXACT_MATCH } from '../scorers/parts/share.ts';
import type { Evaluation } from './record.ts';
import { sideOf } from './sides.ts';

/**
 * The same record with the columns of these scorers, as far as it has none of them and stored answers are enough.
 *
 * @param names of scorers; those that have to run again are left out
 */
export function addScorers(record: Evaluation, names: readonly string[]): Evaluation {
  const isKnown = (wanted: string): boolean => record.scorers.some(({ name }) => name === wanted);
  // Answers to prompts alone have nothing to be compared with.
  const added = isKnown(EXACT_MATCH)
    ? TEXT_SCORERS.filter(({ name }) => names.includes(name) && !isKnown(name))
    : [];
  if (added.length === 0) return record;
  const columns = record.subjects.map((_, at) => {
    const rows = sideOf(record, at).answers.map((answer, row) => ({
      answer,
      expected: record.items[row].expected,
    }));
    return added.map((scorer) => answerScores(scorer, rows));
  });
  return {
    ...record,
    scorers: [...record.scorers, ...added.map(({ name }) => ({ name }))],
    scores: record.scores.map((subjects, item) =>
      subjects.map((scores, at) => [...scores, ...columns[at].map((column) => column[item] ?? null)]),
    ),
  };
}

/** Scores of answers: row by row, and over all rows. */
import { isTextScorer, USUAL_SCORERS } from './lists.ts';
import { shareOf } from './parts/share.ts';
import {
  isShare,
  meanScore,
  rowScore,
  type Likelihood,
  type Score,
  type Scorer,
  type TextScorer,
} from './scorer.ts';

/** An answer and the wanted one. */
interface ScoredRow {
  readonly expected: string;
  readonly answer: string;
}

/** By the names of the scorers. One is missing if its data are not known, or no row has a score. */
export type Scores = Readonly<Partial<Record<string, Score>>>;

/** The scores of rows, and the likelihood of the reference answers. */
interface Scored {
  readonly rows: readonly ScoredRow[];
  /** By a scorer's name, row by row, null if it does not apply; undefined if it was not measured. */
  readonly scores: (name: string) => readonly (number | null)[] | undefined;
  readonly likelihood?: Likelihood | undefined;
}

/** The score of each scorer over the rows that have one. A scorer is left out if no row does, or if the likelihood was not measured. */
export function scoresFrom(
  { rows, scores, likelihood }: Scored,
  scorers: readonly Scorer[] = USUAL_SCORERS,
): Scores {
  return Object.fromEntries(
    scorers.flatMap((scorer): [string, Score][] => {
      if (scorer.of === 'likelihood') {
        const score = likelihood && scorer.aggregate(likelihood);
        return score ? [[scorer.name, score]] : [];
      }
      const known = scores(scorer.name)?.flatMap((score, at) => (score === null ? [] : { score, at })) ?? [];
      if (known.length === 0) return [];
      const each = known.map(({ score }) => score);
      const value =
        scorer.of === 'answers'
          ? scorer.aggregate(
              each,
              known.map(({ at }) => rows[at]),
            )
          : isShare(scorer, each)
            ? shareOf(each)
            : meanScore(each);
      return [[scorer.name, value]];
    }),
  );
}

/** The same of rows that are scored now. */
export const scoresOf = (rows: readonly ScoredRow[], scorers: readonly Scorer[] = USUAL_SCORERS): Scores =>
  scoresFrom(
    {
      rows,
      scores(name) {
        const scorer = scorers.find((one) => one.name === name);
        return scorer && isTextScorer(scorer) ? answerScores(scorer, rows) : undefined;
      },
    },
    scorers,
  );

/** Row by row; null if the scorer does not apply. */
export const answerScores = (scorer: TextScorer, rows: readonly ScoredRow[]): (number | null)[] =>
  rows.map(({ expected, answer }) => rowScore(scorer, answer, expected) ?? null);

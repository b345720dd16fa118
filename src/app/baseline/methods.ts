/** The ways to answer that need no tuning, the cheapest first: rows of one table, and what an adapter has to beat. */
import { isExactMatch } from '../../evaluate/metrics/exact-match.ts';
import { scoresOf, type Scores } from '../../evaluate/metrics/scores.ts';
import type { Evaluation, FewShotReport, LossReport, Share } from '../../worker/api.ts';
import { comparable } from '../state/origin.ts';
import { count, percent, plural } from '../ui/format.ts';

export interface Method {
  readonly key: 'frequent' | 'nearest' | 'base' | 'few';
  readonly name: string;
  /** What it costs, or what it does. */
  readonly what: string;
  /** In a sentence: what it is, and what it does before “gets 3 of 20 rows right”. */
  readonly noun: string;
  readonly doing: string;
  readonly exact: Share;
  /** Whether it is right, row by row; missing where its answers were not kept. */
  readonly right?: readonly boolean[];
  readonly loss?: LossReport;
  /** By the names of all metrics, as far as what it answered was kept. */
  readonly scores: Scores;
  /** An entry of the guide. */
  readonly term: string;
}

/** What its scores are made of. */
type Named = Omit<Method, 'right' | 'scores'> & { readonly answers: readonly string[] | undefined };

const MOST_CHARS = 40;

/** @param few is left out where it does not compare: see {@link whyNoExamples} */
export function methodsOf(base: Evaluation, few: FewShotReport | undefined): Method[] {
  const expected = base.rows.map((row) => row.expected);
  const scored = ({ answers, ...method }: Named): Method => ({
    ...method,
    ...(answers && { right: answers.map((answer, at) => isExactMatch(answer, expected[at])) }),
    scores: {
      'exact-match': { value: method.exact.count / method.exact.total, share: method.exact },
      ...scoresOf({ expected, answers, likelihood: method.loss }),
    },
  });
  const rules = base.rules.map(({ rule, exact, answer = '', share = 0, answers }): Named => {
    const short = answer.length > MOST_CHARS ? `${answer.slice(0, MOST_CHARS)}…` : answer;
    return rule === 'frequent'
      ? {
          key: rule,
          name: 'Most frequent answer',
          what: `always “${short}”, ${percent(share)} of training`,
          noun: 'the most frequent answer',
          doing: 'always giving the most frequent answer',
          exact,
          answers: base.rows.map(() => answer),
          term: 'majority',
        }
      : {
          key: rule,
          name: 'Nearest row',
          what: 'copies the answer of the most similar training row',
          noun: 'the nearest row',
          doing: 'copying the nearest row',
          exact,
          answers: answers?.length === base.rows.length ? answers : undefined,
          term: 'nearest',
        };
  });
  const methods: Named[] = [
    ...rules,
    {
      key: 'base',
      name: 'Base model',
      what: 'the question alone',
      noun: 'the base model',
      doing: 'the base model',
      exact: base.exact.base,
      answers: base.rows.map((row) => row.base),
      loss: base.base,
      term: 'baseline',
    },
    ...(few && whyNoExamples(base, few) === undefined
      ? [
          {
            key: 'few' as const,
            name: 'Base, with examples',
            what: `${plural(few.shots.length, 'example')} before each question`,
            noun: 'the base model with examples',
            doing: `the base model with ${plural(few.shots.length, 'example')} in its prompt`,
            exact: few.exact,
            answers: few.rows.map(({ answer }) => answer),
            ...(few.loss && { loss: few.loss }),
            term: 'few-shot',
          },
        ]
      : []),
  ];
  return methods.map(scored);
}

/** Why the base model with examples is not among the methods; undefined where it is. */
export function whyNoExamples(base: Evaluation, few: FewShotReport | undefined): string | undefined {
  if (!few) return 'The base model with examples in its prompt was not measured.';
  const name = `The base model with ${plural(few.shots.length, 'example')} in its prompt`;
  if (!comparable(few.origin, base.origin))
    return `${name} is not in the table: it was measured with another model, or on other data.`;
  if (few.rows.length !== base.rows.length)
    return `${name} is not in the table: it was measured on ${plural(few.rows.length, 'row')}, the others on ${count(base.rows.length)}.`;
  const same = base.rows.every(
    ({ prompt, expected }, at) => few.rows[at].prompt === prompt && few.rows[at].expected === expected,
  );
  return same ? undefined : `${name} is not in the table: it was measured on other rows of the test part.`;
}

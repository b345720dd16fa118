/** Methods without tuning, the cheapest first: rows of one table, which an adapter has to beat. */
import type { Comparison, FewShotAnswers, LossReport, Share } from './comparison.ts';
import { base as baseMethod } from './methods/base.ts';
import { fewShot } from './methods/few-shot.ts';
import type { Detail, Method } from './methods/method.ts';
import { METHODS } from './methods/registry.ts';
import { isExactMatch } from './metrics/exact-match.ts';
import { scoresOf, type Scores } from './metrics/scores.ts';

export interface ComparedMethod {
  /** The name of the method. */
  readonly key: string;
  readonly name: string;
  /** What it costs, or what it does. */
  readonly what: string;
  /** For sentences: its name, and the words before “gets 3 of 20 rows right”. */
  readonly noun: string;
  readonly doing: string;
  /** Whether it is a rule, which needs no model. */
  readonly rule: boolean;
  readonly exact: Share;
  /** Whether it is right, row by row; missing where its answers were not kept. */
  readonly right?: readonly boolean[];
  readonly loss?: LossReport;
  /** By the names of all metrics, as far as its answers were kept. */
  readonly scores: Scores;
  /** An entry of the glossary. */
  readonly term: string;
}

/** A method's answers, as far as they are known. */
interface Known {
  readonly exact: Share;
  readonly answers: readonly string[] | undefined;
  readonly loss?: LossReport | undefined;
  readonly detail?: Detail;
}

/** @param few the base model with examples, if it was measured on the same rows */
export function methodsOf(result: Comparison, few?: FewShotAnswers): ComparedMethod[] {
  const expected = result.rows.map((row) => row.expected);
  const known = new Map<string, Known>([
    ...result.rules.map(({ rule, exact, answer, share, answers }): [string, Known] => [
      rule,
      {
        exact,
        answers:
          answer === undefined
            ? answers?.length === expected.length
              ? answers
              : undefined
            : expected.map(() => answer),
        detail: { ...(answer !== undefined && { answer }), ...(share !== undefined && { share }) },
      },
    ]),
    [
      baseMethod.name,
      { exact: result.exact.base, answers: result.rows.map((row) => row.base), loss: result.base },
    ],
    ...(few
      ? [
          [
            fewShot.name,
            {
              exact: few.exact,
              answers: few.rows.map(({ answer }) => answer),
              loss: few.loss,
              detail: { shots: few.shots },
            },
          ] as const,
        ]
      : []),
  ]);
  return METHODS.flatMap((method) => {
    const one = known.get(method.name);
    return one ? [comparedMethod(method, expected, one)] : [];
  });
}

function comparedMethod(
  { name, title, term, kind, noun, what, doing }: Method,
  expected: readonly string[],
  { exact, answers, loss, detail = {} }: Known,
): ComparedMethod {
  return {
    key: name,
    name: title,
    what: what(detail),
    noun,
    doing: doing(detail),
    rule: kind === 'rule',
    exact,
    ...(answers && { right: answers.map((answer, at) => isExactMatch(answer, expected[at])) }),
    ...(loss && { loss }),
    scores: {
      'exact-match': { value: exact.count / exact.total, share: exact },
      ...scoresOf({ expected, answers, likelihood: loss }),
    },
    term,
  };
}

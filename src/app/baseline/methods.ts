/** The ways to answer that need no tuning, the cheapest first: rows of one table. */
import type { Evaluation, FewShotReport, LossReport, Share } from '../../worker/api.ts';
import { comparable } from '../state/origin.ts';
import { percent, plural } from '../ui/format.ts';

export interface Method {
  readonly key: string;
  readonly name: string;
  /** What it costs, or what it does. */
  readonly what: string;
  readonly exact: Share;
  readonly loss?: LossReport;
  /** An entry of the guide. */
  readonly term: string;
}

const MOST_CHARS = 40;

/** @param few measured on the same rows with the same model, or it does not compare */
export function methodsOf(base: Evaluation, few: FewShotReport | undefined): Method[] {
  const rules = base.rules.map(({ rule, exact, answer = '', share = 0 }): Method => {
    const short = answer.length > MOST_CHARS ? `${answer.slice(0, MOST_CHARS)}…` : answer;
    return rule === 'frequent'
      ? {
          key: rule,
          name: 'Most frequent answer',
          what: `always “${short}”, ${percent(share)} of training`,
          exact,
          term: 'majority',
        }
      : {
          key: rule,
          name: 'Nearest row',
          what: 'copies the answer of the most similar training row',
          exact,
          term: 'nearest',
        };
  });
  const compares = few && few.rows.length === base.rows.length && comparable(few.origin, base.origin);
  return [
    ...rules,
    {
      key: 'base',
      name: 'Base model',
      what: 'the question alone',
      exact: base.exact.base,
      loss: base.base,
      term: 'baseline',
    },
    ...(compares
      ? [
          {
            key: 'few',
            name: 'Base, with examples',
            what: `${plural(few.shots.length, 'example')} before each question`,
            exact: few.exact,
            ...(few.loss && { loss: few.loss }),
            term: 'few-shot',
          },
        ]
      : []),
  ];
}

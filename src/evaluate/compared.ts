/** Methods without tuning, the cheapest first: rows of one table, which an adapter has to beat. */
import { metricsOf } from './columns.ts';
import { sidesOf, type Side } from './sides.ts';
import { fewShot } from './methods/few-shot.ts';
import type { Method } from './methods/method.ts';
import { EVALUATION_METHODS } from './methods/registry.ts';
import { USUAL_SCORERS } from '../scorers/lists.ts';
import type { Scorer } from '../scorers/scorer.ts';
import type { Scores } from '../scorers/scores.ts';
import type { Evaluation, LossReport, Share } from './record.ts';

export interface ComparedMethod {
  /** The name of the method, with a number from its second subject on. */
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
  /** Whether it is right, row by row; missing if its answers were not kept. */
  readonly right?: readonly boolean[];
  readonly loss?: LossReport;
  /** The weighted sums of rewards, if answers are scored by them. */
  readonly rewards?: readonly number[];
  /** By the names of the scorers, as far as its answers were kept. */
  readonly scores: Scores;
  readonly side: Side;
  /** An entry of the glossary. */
  readonly term: string;
}

/**
 * @param few the base model with examples, if another record has it on the same rows
 * @param scorers of the columns
 */
export function methodsOf(
  record: Evaluation,
  few?: Side,
  scorers: readonly Scorer[] = USUAL_SCORERS,
): ComparedMethod[] {
  return EVALUATION_METHODS.filter(({ kind }) => kind !== 'adapter').flatMap((method) => {
    const own = sidesOf(record, method.name);
    const sides = method === fewShot && few && few.record !== record ? [few] : own;
    // A stopped method has answered other rows.
    return sides
      .filter(({ subject }) => subject.stopped === undefined)
      .map((side, at) => comparedMethod(method, side, scorers, at));
  });
}

function comparedMethod(
  { name, title, term, kind, noun, what, doing }: Method,
  side: Side,
  scorers: readonly Scorer[],
  at: number,
): ComparedMethod {
  const { right, exact, rewards, subject } = side;
  const { loss, detail = {} } = subject;
  return {
    key: at === 0 ? name : `${name} ${at + 1}`,
    name: title,
    what: what(detail),
    noun,
    doing: doing(detail),
    rule: kind === 'rule',
    exact,
    ...(right && { right }),
    ...(loss && { loss }),
    ...(rewards && { rewards }),
    scores: metricsOf(side, scorers),
    side,
    term,
  };
}

/** The subjects of a record: each with its answers, and what is right in them. It needs no scorer but the share of exact matches, so that the first screen can read it. */
import { ADAPTER_METHOD, BASE } from './methods/names.ts';
import { EXACT_MATCH, shareOf } from '../scorers/parts/share.ts';
import { proportion } from '../proportion.ts';
import { REWARD, type Evaluation, type FailedPart, type Share, type Subject } from './record.ts';

/** One of several rewards, row by row and before its weight. */
export interface RewardColumn {
  readonly name: string;
  readonly weight: number;
  readonly passMark: number;
  readonly scores: readonly number[];
}

/** A subject of a record with its answers and scores. */
export interface Side {
  readonly record: Evaluation;
  readonly at: number;
  readonly subject: Subject;
  /** To the first items. */
  readonly answers: readonly string[];
  /** Whether each answer equals the reference answer; missing if answers were not kept. */
  readonly right?: readonly boolean[];
  /** The share of answered rows that are exactly right; over no rows if they are only prompts. */
  readonly exact: Share;
  /** The weighted sums of the rewards; missing if nothing is scored by them. */
  readonly rewards?: readonly number[];
}

/** The subject at place `at` of a record. Its answers end before the first row that it did not answer. */
export function sideOf(record: Evaluation, at: number): Side {
  const subject = record.subjects[at];
  const answers: string[] = [];
  for (const row of record.evidence) {
    const answer = row[at];
    if (!answer) break;
    answers.push(answer.text);
  }
  const exact = scoresOfSubject(record, at, EXACT_MATCH, answers.length);
  const rewards = scoresOfSubject(record, at, REWARD, answers.length);
  const hasAnswers = subject.exact === undefined;
  return {
    record,
    at,
    subject,
    answers,
    ...(exact && hasAnswers && { right: exact.map((score) => score === 1) }),
    exact: subject.exact ?? (exact ? shareOf(known(exact)).share : shareOfNone),
    ...(rewards && rewards.every((score) => score !== null) && { rewards: known(rewards) }),
  };
}

const { fraction: _, ...shareOfNone } = proportion(0, 0);

const known = (scores: readonly (number | null)[]): number[] => scores.flatMap((score) => score ?? []);

/** Undefined if the record has no such scorer. */
export function scoresOfSubject(
  { scorers, scores }: Evaluation,
  at: number,
  name: string,
  answered: number,
): (number | null)[] | undefined {
  const scorer = scorers.findIndex((one) => one.name === name);
  return scorer < 0 ? undefined : scores.slice(0, answered).map((row) => row[at][scorer]);
}

/** The subjects of a method that were measured, in their order. */
export const sidesOf = (record: Evaluation, method: string): Side[] =>
  record.subjects.flatMap((subject, at) =>
    subject.method === method && subject.failed === undefined ? [sideOf(record, at)] : [],
  );

/** The base model; undefined if it was not measured. */
export const baseOf = (record: Evaluation): Side | undefined => sidesOf(record, BASE).at(0);

/** The base model, and something tuned on the same rows. */
export interface Compared {
  readonly base: Side;
  readonly tuned: Side;
}

/** Each adapter against the base model; none if that was not measured. */
export function comparedOf(record: Evaluation): Compared[] {
  const base = baseOf(record);
  return base ? sidesOf(record, ADAPTER_METHOD).map((tuned) => ({ base, tuned })) : [];
}

/** What could not be measured, and why: whole methods, and parts of one. */
export const notMeasured = ({ subjects }: Evaluation): FailedPart[] =>
  subjects.flatMap(({ label, failed, lacks = [] }) => [
    ...(failed === undefined ? [] : [{ name: label, reason: failed }]),
    ...lacks.map(({ name, reason }) => ({ name: `${name} of “${label}”`, reason })),
  ]);

/** The rewards one by one; none in results of earlier versions. */
export function eachReward({ record, at, answers }: Side): RewardColumn[] {
  return record.scorers.flatMap(({ name, weight, passMark = Infinity }) => {
    const scores = weight === undefined ? undefined : scoresOfSubject(record, at, name, answers.length);
    return scores && weight !== undefined
      ? [{ name: name.slice(REWARD.length + 1), weight, passMark, scores: known(scores) }]
      : [];
  });
}

/** The sum of rewards from which an answer passes; undefined in results of earlier versions, and without rewards. */
export const recordPassMark = ({ scorers }: Evaluation): number | undefined =>
  scorers.find(({ name }) => name === REWARD)?.passMark;

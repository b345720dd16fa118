/** The measurements of the folds of a cross-validation as one: every row is answered once, by what its fold trained. */
import { mean } from '../averages.ts';
import { isSameSpec } from '../scorers/chosen.ts';
import { labelCounts } from './draw.ts';
import type { Detail } from './methods/method.ts';
import type { Evaluation, Item, LossReport, Subject } from './record.ts';

/** The measurement of a fold. */
export interface MeasuredFold {
  /** From 0. */
  readonly fold: number;
  readonly record: Evaluation;
}

/** Puts a fold's items among all rows. @param places of the rows that the fold tests, among all that were dealt */
export function foldItems(record: Evaluation, fold: number, places: readonly number[]): Evaluation {
  const items = record.items.map((item): Item => ({
    ...item,
    ...(item.row !== undefined && { row: places[item.row] }),
    fold,
  }));
  return { ...record, items };
}

/**
 * The subjects that every fold has measured in full, by their method and their place among those of the same method. Items are in the order of the folds;
 * counts and seconds are sums, losses are means over the supervised tokens of all folds.
 *
 * @param folds at least one, with the same scorers
 * @param label of the adapters together
 */
export function joinFolds(folds: readonly MeasuredFold[], label: string): Evaluation {
  const records = [...folds].sort((a, b) => a.fold - b.fold).map(({ record }) => record);
  const [first] = records;
  const items = records.flatMap((record) => record.items);
  const keysOf = ({ subjects }: Evaluation): string[] =>
    subjects.map(({ method }, at) => {
      const before = subjects.slice(0, at).filter((other) => other.method === method).length;
      return `${method} ${before}`;
    });
  const placesOf = records.map((record) => {
    const keys = keysOf(record);
    return new Map(
      keys.flatMap((key, at): [string, number][] => {
        const { failed, stopped } = record.subjects[at];
        return failed === undefined && stopped === undefined ? [[key, at]] : [];
      }),
    );
  });
  const shared = keysOf(first).filter((key) => placesOf.every((places) => places.has(key)));
  const scorers = first.scorers.filter(({ name, scorer }) =>
    records.every((record) =>
      record.scorers.some((one) => one.name === name && isSameSpec(one.scorer, scorer)),
    ),
  );
  const rows = records.flatMap((record, of) => {
    const subjects = shared.map((key) => placesOf[of].get(key)!);
    const columns = scorers.map(({ name }) => record.scorers.findIndex((scorer) => scorer.name === name));
    return record.items.map((_, item) => ({
      scores: subjects.map((at) => columns.map((column) => record.scores[item][at][column])),
      evidence: subjects.map((at) => record.evidence[item][at]),
    }));
  });
  return {
    ...first,
    made: madeOf(records, items),
    items,
    subjects: shared.map((key) =>
      subjectOf(
        records.map(({ subjects }, of) => subjects[placesOf[of].get(key)!]),
        label,
      ),
    ),
    scorers,
    scores: rows.map(({ scores }) => scores),
    evidence: rows.map(({ evidence }) => evidence),
  };
}

function madeOf(records: readonly Evaluation[], items: readonly Item[]): Evaluation['made'] {
  const [{ made }] = records;
  const draws = records.flatMap(({ made: { draw } }) => draw ?? []);
  const sum = (of: (draw: (typeof draws)[number]) => number): number =>
    draws.reduce((total, draw) => total + of(draw), 0);
  const labels = labelCounts(
    items.map(({ expected }) => expected),
    items.map((_, at) => at),
  );
  const { labels: _, planned: __, ...drawn } = made.draw ?? { seed: 0, of: 0, tooLong: 0 };
  return {
    ...made,
    ...(made.draw && {
      draw: {
        ...{ ...drawn, of: sum(({ of }) => of), tooLong: sum(({ tooLong }) => tooLong) },
        test: sum(({ test, of }) => test ?? of),
        ...(labels && { labels }),
      },
    }),
    newTokens: records.reduce((most, record) => Math.max(most, record.made.newTokens ?? 0), 0),
    folds: records.length,
    seconds: records.reduce((total, record) => total + (record.made.seconds ?? 0), 0),
  };
}

function subjectOf(folds: readonly Subject[], label: string): Subject {
  const [first] = folds;
  const { method, kind, objective } = first;
  const total = (of: (subject: Subject) => number | undefined): number | undefined => {
    const values = folds.flatMap((subject) => of(subject) ?? []);
    return values.length === folds.length ? values.reduce((sum, value) => sum + value, 0) : undefined;
  };
  const counts = {
    noLabel: total(({ noLabel }) => noLabel),
    seconds: total(({ seconds }) => seconds),
    answerSeconds: total(({ answerSeconds }) => answerSeconds),
  };
  const loss = lossOf(folds.flatMap((subject) => subject.loss ?? []));
  const detail = detailOf(folds.map((subject) => subject.detail));
  const likelihoods = folds.flatMap((subject) => subject.likelihoods ?? []);
  const hasPairs = folds.every((subject) => subject.likelihoods !== undefined);
  return {
    ...{ method, label: first.adapter ? label : first.label },
    ...(first.adapter && { adapter: { ...first.adapter, name: label } }),
    ...(kind !== undefined && { kind }),
    ...(objective !== undefined && { objective }),
    ...seenIn(folds),
    ...(detail && { detail }),
    ...(loss && folds.every((subject) => subject.loss) && { loss }),
    ...(hasPairs && { likelihoods }),
    ...(counts.noLabel !== undefined && { noLabel: counts.noLabel }),
    ...(counts.seconds !== undefined && { seconds: counts.seconds }),
    ...(counts.answerSeconds !== undefined && { answerSeconds: counts.answerSeconds }),
  };
}

/** Rows of each fold that its own training saw. What is not known of one is not known of all. */
function seenIn(folds: readonly Subject[]): Pick<Subject, 'seen'> {
  const known = folds.flatMap(({ seen }) => (typeof seen === 'object' ? seen : []));
  const [unknown] = folds.flatMap(({ seen }) => (typeof seen === 'string' ? seen : []));
  if (unknown !== undefined) return { seen: unknown };
  if (known.length < folds.length) return {};
  const sum = (of: 'asked' | 'test' | 'of'): number => known.reduce((total, seen) => total + seen[of], 0);
  return { seen: { asked: sum('asked'), test: sum('test'), of: sum('of') } };
}

/** The mean over the tokens of all; undefined for no report. */
function lossOf(reports: readonly LossReport[]): LossReport | undefined {
  if (reports.length === 0) return undefined;
  const supervisedTokens = reports.reduce((sum, report) => sum + report.supervisedTokens, 0);
  const nats = reports.reduce((sum, report) => sum + report.loss * report.supervisedTokens, 0);
  const loss = nats / supervisedTokens;
  const rows = reports.every((report) => report.rows !== undefined)
    ? reports.reduce((sum, report) => sum + report.rows!, 0)
    : undefined;
  const rightTokens = reports.every((report) => report.rightTokens !== undefined)
    ? reports.reduce((sum, report) => sum + report.rightTokens!, 0)
    : undefined;
  return {
    ...{ loss, perplexity: Math.exp(loss), supervisedTokens },
    ...(rightTokens !== undefined && { rightTokens }),
    ...(rows !== undefined && { rows }),
  };
}

/** What all folds have in common; of examples, those of the first fold, of which each fold has as many. A rule's answers are all named. */
function detailOf(folds: readonly (Detail | undefined)[]): Detail | undefined {
  const [first] = folds;
  if (!first) return undefined;
  const same = Object.entries(first).filter(
    ([key, value]) =>
      key === 'shots' ||
      folds.every((one) => JSON.stringify(one?.[key as keyof Detail]) === JSON.stringify(value)),
  );
  const answers = [...new Set(folds.flatMap((one) => one?.answer ?? []))];
  const shares = folds.flatMap((one) => one?.share ?? []);
  return {
    ...(Object.fromEntries(same) as Detail),
    ...(answers.length > 0 && { answer: answers.join('” or “') }),
    ...(shares.length > 0 && { share: mean(shares) }),
  };
}

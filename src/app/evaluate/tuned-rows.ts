/** The table of everything that was tuned in a project: its rows, their measurements, and which measurements can be compared. */
import { mean } from '../../averages.ts';
import type { RunTook } from '../../evaluate/run-took.ts';
import { metricsOf } from '../../evaluate/columns.ts';
import { baseOf, comparedOf, recordPassMark, type Compared } from '../../evaluate/sides.ts';
import type { Scorer } from '../../scorers/scorer.ts';
import type { Scores } from '../../scorers/scores.ts';
import { isSameItems, REWARD, withSubjects, type Evaluation } from '../../evaluate/record.ts';
import { familiesAmong, type SeedGroup } from '../../evaluate/seeds.ts';
import { caveatOf } from '../../evaluate/seen.ts';
import {
  generalLossOf,
  generalStandings,
  leastStandings,
  promptsOf,
  comparesWithBase,
  pairsOfTable,
  pairStandings,
  promptStandings,
  rewardStandings,
  scoreStandings,
  type TunedCandidate,
  type ScoreStanding,
  type TunedStanding,
} from '../../evaluate/tuned-table.ts';
import { isSameReward } from '../../evaluate/verdict.ts';
import { isSameRewards } from '../../scorers/rewards/specs.ts';
import type { TunedMeasurement } from '../../worker/api.ts';
import { comparable, whyOld, type NowOpen } from './origin.ts';
import { plural } from '../../numbers.ts';
import { sortedBy } from '../ui/sorted.ts';
import type { Tuned } from './tuned.ts';

/** The row of a measurement. */
export function tunedRowKey({ evaluation }: TunedMeasurement): string {
  const adapter = evaluation.subjects.find((subject) => subject.adapter)?.adapter;
  if (!adapter || 'folder' in adapter) return '';
  return 'id' in adapter ? adapter.id : adapter.runId;
}

/** What was tuned, next to the base; undefined if a measurement has not both. */
const sidesIn = ({ evaluation }: TunedMeasurement): Compared | undefined => comparedOf(evaluation).at(0);

/** The number of measured rows: those asked, or for text without questions, those whose loss was taken. */
const rowsOf = ({ evaluation }: TunedMeasurement): number =>
  evaluation.items.length > 0 ? evaluation.items.length : (baseOf(evaluation)?.subject.loss?.rows ?? 0);

/** The measurement that decides the rows of the table: the latest that is not out of date. */
export function latestOf(entries: readonly TunedMeasurement[], now: NowOpen): TunedMeasurement | undefined {
  return entries.findLast(({ evaluation }) => whyOld(evaluation, now) === undefined);
}

/** Why a measurement cannot be compared with the latest; undefined if it can. */
export function whyApart(
  entry: TunedMeasurement | undefined,
  latest: TunedMeasurement | undefined,
  now: NowOpen,
): string | undefined {
  if (!entry) return 'Not measured yet.';
  const reason = whyOld(entry.evaluation, now);
  if (reason !== undefined || !latest) return `Measured before. ${reason ?? ''}`.trim();
  if (entry === latest) return undefined;
  if (!comparable(entry.evaluation.made, latest.evaluation.made))
    return 'Measured on other rows than the latest.';
  const [own, others] = [rowsOf(entry), rowsOf(latest)];
  if (own !== others) return `Measured on ${plural(own, 'row')}, the latest on ${others}.`;
  return isSameDraw(entry, latest) ? undefined : 'Measured on other rows than the latest.';
}

/** Whether the same rows were asked, in the same order. */
function isSameDraw({ evaluation: a }: TunedMeasurement, { evaluation: b }: TunedMeasurement): boolean {
  return (
    a.made.draw?.seed === b.made.draw?.seed &&
    baseOf(a)?.subject.loss?.rows === baseOf(b)?.subject.loss?.rows &&
    isSameItems(a.items, b.items)
  );
}

/** A row of the table; the base is one too. */
export interface TableRow {
  /** Missing for the base. */
  readonly tuned?: Tuned;
  /** Why it has no scores; undefined if it was measured on the rows of the table. */
  readonly lacks?: string;
  /** A caveat; '' for none. */
  readonly caveat: string;
  readonly candidate?: TunedCandidate;
  readonly score: ScoreStanding;
  readonly reward: ScoreStanding;
  readonly pairs: ScoreStanding;
  readonly general: TunedStanding | undefined;
  readonly prompts: TunedStanding | undefined;
  /** The increase of the loss on general text over the base's, in nats. */
  readonly change?: number;
  readonly kl?: number;
  readonly cost: Readonly<Partial<Record<keyof RunTook, TunedStanding>>>;
}

export interface ResultsTable {
  /** The number of measured rows; 0 if nothing is measured. */
  readonly rows: number;
  /** Whether rows are prompts alone: no answer is right or wrong. */
  readonly isPrompts: boolean;
  /** The rewards of the column, if there is one: those of the latest measurement. */
  readonly rewards: { readonly passMark: number | undefined } | undefined;
  /** How pairs are compared; undefined if the rows are no pairs. */
  readonly pairsAgainstBase: boolean | undefined;
  readonly base: TableRow | undefined;
  readonly tuned: readonly TableRow[];
}

/** The name of a scorer. */
export type MetricKey = Scorer['name'];

/** The measurements of each, as far as they can be compared. */
interface Together {
  readonly latest: TunedMeasurement | undefined;
  readonly found: readonly {
    readonly tuned: Tuned;
    readonly lacks?: string;
    readonly entry?: TunedMeasurement;
  }[];
}

/**
 * What one press above the table measured: for each adapter with what it forgot, a measurement as the table makes them. None of answers that were chosen or
 * rewarded, of a mixture of tasks, and of a cross-validation.
 */
export function measuredAbove(record: Evaluation | undefined): TunedMeasurement[] {
  if (!record || record.items.length === 0) return [];
  const { made, items, subjects, scorers } = record;
  const isPlain = !made.choices && made.folds === undefined && items.every(({ task }) => task === undefined);
  if (!isPlain || scorers.some(({ name }) => name === REWARD)) return [];
  const others = subjects.flatMap(({ adapter }, at) => (adapter ? [] : [at]));
  return subjects.flatMap(({ adapter, forgetting, stopped, failed, lacks }, at) =>
    adapter && forgetting && !stopped && failed === undefined && !lacks
      ? [{ sample: { rows: items.length }, evaluation: withSubjects(record, [...others, at]) }]
      : [],
  );
}

/**
 * @param entries the table's own measurements, the latest last
 * @param above what was measured above it: for what the table has not measured on its rows
 */
export function measuredTogether(
  tuned: readonly Tuned[],
  entries: readonly TunedMeasurement[],
  now: NowOpen,
  above: readonly TunedMeasurement[] = [],
): Together {
  const latest = latestOf(entries, now) ?? latestOf(above, now);
  return {
    latest,
    found: tuned.map((one) => {
      if (one.otherBase !== undefined)
        return { tuned: one, lacks: `It has another base model: open ${one.otherBase} to measure it.` };
      const [own, other] = [entries, above].map((all) =>
        all.findLast((measured) => tunedRowKey(measured) === one.key),
      );
      const entry = [own, other].find((measured) => whyApart(measured, latest, now) === undefined);
      return entry ? { tuned: one, entry } : { tuned: one, lacks: whyApart(own ?? other, latest, now)! };
    }),
  };
}

/** The table, with the standing of each value in its column. */
export function tableOf({ latest, found }: Together, measure: Scorer): ResultsTable {
  const isAgainstBase = comparesWithBase(found.map(({ tuned }) => tuned.objective));
  const preferred = pairsOfTable(
    [
      latest && sidesIn(latest)?.base.subject.likelihoods,
      ...found.map(({ entry }) => entry && sidesIn(entry)?.tuned.subject.likelihoods),
    ],
    isAgainstBase,
  );
  const base = latest && sidesIn(latest)?.base;
  const candidates = [
    base && { side: base, ...(base.rewards && { rewards: base.rewards }) },
    ...found.map(({ entry }): TunedCandidate | undefined => entry && candidateOf(entry, latest)),
  ].map((one, at): TunedCandidate | undefined => {
    const pairs = preferred[at];
    return one && pairs ? { ...one, pairs } : one;
  });
  const scores = scoreStandings(measure, candidates);
  const rewards = rewardStandings(candidates);
  const pairs = pairStandings(candidates);
  const general = generalStandings(candidates);
  const prompts = promptStandings(candidates);
  const costs = costsOf(found.map((one) => one.tuned));
  const rowAt = (at: number): Omit<TableRow, 'caveat' | 'cost'> => ({
    ...{ score: scores[at], reward: rewards[at], pairs: pairs[at] },
    ...{ general: general[at], prompts: prompts[at] },
    ...(candidates[at] && { candidate: candidates[at] }),
  });
  return {
    rows: latest ? rowsOf(latest) : 0,
    isPrompts:
      latest !== undefined &&
      latest.evaluation.items.length > 0 &&
      latest.evaluation.items.every(({ expected }) => expected === ''),
    rewards: base?.rewards && { passMark: recordPassMark(base.record) },
    pairsAgainstBase: base?.subject.likelihoods ? isAgainstBase : undefined,
    base: latest && { ...rowAt(0), caveat: '', cost: {} },
    tuned: found.map(({ tuned, lacks, entry }, at): TableRow => {
      const side = entry && sidesIn(entry)?.tuned;
      const { before, after, kl } = side?.subject.forgetting ?? {};
      return {
        ...rowAt(at + 1),
        ...{ tuned, cost: costs[at] },
        caveat: side ? caveatOf(side) : '',
        ...(lacks !== undefined && { lacks }),
        ...(before !== undefined && after !== undefined && { change: after - before }),
        ...(kl?.after !== undefined && { kl: kl.after }),
      };
    }),
  };
}

/** Rows of the table that differ in nothing but the seed: each family is one method. */
export const familiesOfTable = ({ tuned }: ResultsTable): SeedGroup[] =>
  familiesAmong(tuned.flatMap(({ candidate }) => candidate?.side ?? []));

/** The time of a step varies a little. */
const SAME_TIME = 0.1;

/** Whether memory and time of the runs can be compared: their steps were of the same rows. */
export function isSameWork(tuned: readonly Tuned[]): boolean {
  return new Set(tuned.flatMap(({ work }) => work ?? [])).size < 2;
}

function costsOf(tuned: readonly Tuned[]): TableRow['cost'][] {
  const alike = isSameWork(tuned);
  const of = (
    name: keyof RunTook,
    tolerance: number,
    compared = true,
  ): readonly (TunedStanding | undefined)[] =>
    leastStandings(
      tuned.map(({ took, work }) => (compared && (name === 'parameters' || work) ? took[name] : undefined)),
      tolerance,
    );
  const parameters = of('parameters', 0);
  const peakBytes = of('peakBytes', 0, alike);
  const secondsPerStep = of('secondsPerStep', SAME_TIME, alike);
  return tuned.map((_, at) => ({
    ...(parameters[at] && { parameters: parameters[at] }),
    ...(peakBytes[at] && { peakBytes: peakBytes[at] }),
    ...(secondsPerStep[at] && { secondsPerStep: secondsPerStep[at] }),
  }));
}

/** Whether both were scored by the same rewards, as far as the answers of the base model tell. */
function isRewardedAlike(a: TunedMeasurement, b: TunedMeasurement): boolean {
  const [one, other] = [sidesIn(a), sidesIn(b)];
  return (
    one !== undefined &&
    other !== undefined &&
    isSameRewards(a.sample.rewards, b.sample.rewards) &&
    isSameReward(one, other)
  );
}

function candidateOf(
  entry: TunedMeasurement,
  latest: TunedMeasurement | undefined,
): TunedCandidate | undefined {
  const side = sidesIn(entry)?.tuned;
  if (!side) return undefined;
  const { rewards } = side;
  return { side, ...(rewards && latest && isRewardedAlike(entry, latest) && { rewards }) };
}

export const TUNED_COLUMNS = {
  name: 'What was tuned',
  parameters: 'Parameters',
  memory: 'Memory',
  time: 'Seconds a step',
  reward: 'Mean reward',
  pairs: 'Preference accuracy',
  score: 'Score',
  general: 'General text',
  prompts: 'General prompts',
  kl: 'KL to base, nats per token',
} as const;
export type ColumnName = keyof typeof TUNED_COLUMNS;

/** The columns of a table: rewards, pairs and answers if its rows have them. */
export function tunedColumns({ isPrompts, rewards, pairsAgainstBase }: ResultsTable): ColumnName[] {
  const lacks: Partial<Record<ColumnName, boolean>> = {
    reward: rewards === undefined,
    pairs: pairsAgainstBase === undefined,
    score: isPrompts,
  };
  return (Object.keys(TUNED_COLUMNS) as ColumnName[]).filter((column) => lacks[column] !== true);
}

export interface TunedOrder {
  readonly column: ColumnName;
  readonly descending: boolean;
}

export function tunedInOrder(
  rows: readonly TableRow[],
  { column, descending }: TunedOrder,
  valueOf: (candidate: TunedCandidate) => number | undefined,
): TableRow[] {
  return sortedBy(
    rows,
    ({ tuned, candidate, kl }) => {
      if (column === 'name') return tuned?.name.toLowerCase();
      if (column === 'parameters') return tuned?.took.parameters;
      if (column === 'memory') return tuned?.took.peakBytes;
      if (column === 'time') return tuned?.took.secondsPerStep;
      if (column === 'kl') return kl;
      if (!candidate) return undefined;
      if (column === 'reward') return candidate.rewards && mean(candidate.rewards);
      if (column === 'pairs') return candidate.pairs && mean(candidate.pairs.map(Number));
      if (column === 'general') return generalLossOf(candidate);
      return column === 'prompts' ? promptsOf(candidate)?.right : valueOf(candidate);
    },
    descending,
  );
}

/** The scores of one row, by the names of the scorers. */
export const scoresOfRow = ({ side }: TunedCandidate, scorers: readonly Scorer[]): Scores =>
  metricsOf(side, scorers);

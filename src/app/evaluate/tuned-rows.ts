/** The table of everything that was tuned in a project: its rows, their measurements, and which measurements can be compared. */
import type { RunTook } from '../../evaluate/run-took.ts';
import { METRICS } from '../../evaluate/metrics/registry.ts';
import { scoresOf } from '../../evaluate/metrics/scores.ts';
import { caveatOf } from '../../evaluate/seen.ts';
import {
  generalLossOf,
  generalStandings,
  leastStandings,
  promptsOf,
  promptStandings,
  scoreStandings,
  type Candidate,
  type ScoreStanding,
  type Standing,
} from '../../evaluate/tuned-table.ts';
import { METHODS } from '../../settings/registry.ts';
import type { AdapterInfo, RunSummary, TunedChoice, TunedMeasurement } from '../../worker/api.ts';
import { comparable, outdated, type Now } from '../state/origin.ts';
import { methodOf, methodWords } from '../train/method-words.ts';
import { plural } from '../ui/format.ts';
import { isSameModel } from '../ui/model-names.ts';
import { sortedBy } from '../ui/sorted.ts';

/** An adapter, or the model that a run of all weights left. */
export interface Tuned {
  /** The id of the adapter or of the run. */
  readonly key: string;
  readonly choice: TunedChoice;
  readonly name: string;
  /** “LoRA rank 8”. */
  readonly kind: string;
  readonly runId?: string;
  /** The name of its base, if that is not the open model. */
  readonly otherBase?: string;
  readonly took: RunTook;
  /** Identifies the work of a step: rows, their length, the data. Memory and time are only compared for equal work. */
  readonly work?: string;
}

interface Project {
  readonly adapters: readonly AdapterInfo[];
  readonly runs: readonly RunSummary[];
  /** Names of the models that this browser keeps. */
  readonly models: readonly string[];
  /** The name of the open model. */
  readonly open: string;
  /** By the id of the run. */
  readonly took: Readonly<Record<string, RunTook>>;
}

/** Everything that a project has tuned, in order of creation, without adapters on trial. */
export function tunedOf({ adapters, runs, models, open, took }: Project): Tuned[] {
  const ofBase = (baseModel: string): Pick<Tuned, 'otherBase'> =>
    isSameModel(baseModel, open) ? {} : { otherBase: baseModel };
  const runOf = (runId: string | undefined): RunSummary | undefined => runs.find(({ id }) => id === runId);
  const madeBy = (runId: string | undefined): Pick<Tuned, 'runId' | 'work'> => {
    const run = runOf(runId);
    return { ...(runId !== undefined && { runId }), ...(run && { work: workOf(run) }) };
  };
  const kept = adapters
    .filter(({ trial }) => !trial)
    .map(({ id, name, baseModel, runId, parameters, created, ...adapter }) => ({
      ...{ key: id, choice: { id }, name, kind: madeAs(adapter, runOf(runId)), created },
      ...ofBase(baseModel),
      ...madeBy(runId),
      took: { ...(runId !== undefined && took[runId]), parameters },
    }));
  const whole = runs
    .filter(({ keptModel }) => keptModel !== undefined && models.includes(keptModel))
    .map(({ id, options, baseModel, created }) => ({
      ...{ key: id, choice: { runId: id }, name: options.name, kind: methodWords(options), created },
      ...ofBase(baseModel),
      ...madeBy(id),
      took: took[id] ?? {},
    }));
  return [...kept, ...whole]
    .sort((a, b) => a.created - b.created)
    .map(({ created: _, ...tuned }): Tuned => tuned);
}

const workOf = ({ options, baseModel, data, dataName }: RunSummary): string => {
  const { batch, accumulate, maxLength, objective } = options;
  return [baseModel, objective, batch, accumulate, maxLength, data?.version ?? dataName].join(' ');
};

/** The method in words. Some methods leave an adapter of another kind: PiSSA a plain LoRA of twice the rank. */
function madeAs(adapter: Parameters<typeof kindWords>[0], run: RunSummary | undefined): string {
  const kept = kindWords(adapter);
  const isAnother = run && methodOf(run.options).name !== (adapter.kind ?? METHODS[0].name);
  return isAnother ? `${methodWords(run.options)}, kept as ${kept}` : kept;
}

function kindWords({
  kind = METHODS[0].name,
  rank,
  virtualTokens,
}: Pick<AdapterInfo, 'kind' | 'rank' | 'virtualTokens'>): string {
  const method = METHODS.find(({ name }) => name === kind) ?? METHODS[0];
  if (virtualTokens !== undefined) return `${method.label}, ${plural(virtualTokens, 'token')}`;
  return rank === undefined ? method.label : methodWords({ method: method.name, rank });
}

/** The row of a measurement. */
export function keyOf({ evaluation }: TunedMeasurement): string {
  const { adapter } = evaluation.origin;
  if (!adapter) return '';
  return 'id' in adapter ? adapter.id : adapter.runId;
}

/** The number of measured rows: those asked, or for text without questions, those whose loss was taken. */
export const rowsOf = ({ evaluation: { rows, base } }: TunedMeasurement): number =>
  rows.length > 0 ? rows.length : (base?.rows ?? 0);

/** The measurement that decides the rows of the table: the latest that is not out of date. */
export function latestOf(entries: readonly TunedMeasurement[], now: Now): TunedMeasurement | undefined {
  return entries.findLast(({ evaluation }) => outdated(evaluation.origin, now) === undefined);
}

/** Why a measurement cannot be compared with the latest; undefined if it can. */
export function whyApart(
  entry: TunedMeasurement | undefined,
  latest: TunedMeasurement | undefined,
  now: Now,
): string | undefined {
  if (!entry) return 'Not measured yet.';
  const reason = outdated(entry.evaluation.origin, now);
  if (reason !== undefined || !latest) return `Measured before. ${reason ?? ''}`.trim();
  if (entry === latest) return undefined;
  if (!comparable(entry.evaluation.origin, latest.evaluation.origin))
    return 'Measured on other rows than the latest.';
  const [own, others] = [rowsOf(entry), rowsOf(latest)];
  if (own !== others) return `Measured on ${plural(own, 'row')}, the latest on ${others}.`;
  return isSameDraw(entry, latest) ? undefined : 'Measured on other rows than the latest.';
}

/** Whether the same rows were asked, in the same order. */
function isSameDraw({ evaluation: a }: TunedMeasurement, { evaluation: b }: TunedMeasurement): boolean {
  return (
    a.draw?.seed === b.draw?.seed &&
    a.base?.rows === b.base?.rows &&
    a.rows.every(
      ({ prompt, expected }, at) => prompt === b.rows[at].prompt && expected === b.rows[at].expected,
    )
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
  readonly candidate?: Candidate;
  readonly score: ScoreStanding;
  readonly general: Standing | undefined;
  readonly prompts: Standing | undefined;
  /** The increase of the loss on general text over the base's, in nats. */
  readonly change?: number;
  readonly kl?: number;
  readonly cost: Readonly<Partial<Record<keyof RunTook, Standing>>>;
}

export interface Table {
  /** The number of measured rows; 0 if nothing is measured. */
  readonly rows: number;
  readonly base: TableRow | undefined;
  readonly tuned: readonly TableRow[];
}

export type MetricKey = (typeof METRICS)[number]['name'];

/** The measurements of each, as far as they can be compared. */
export interface Together {
  readonly latest: TunedMeasurement | undefined;
  readonly found: readonly {
    readonly tuned: Tuned;
    readonly lacks?: string;
    readonly entry?: TunedMeasurement;
  }[];
}

export function measuredTogether(
  tuned: readonly Tuned[],
  entries: readonly TunedMeasurement[],
  now: Now,
): Together {
  const latest = latestOf(entries, now);
  return {
    latest,
    found: tuned.map((one) => {
      if (one.otherBase !== undefined)
        return { tuned: one, lacks: `Of another base model: open ${one.otherBase} to measure it.` };
      const entry = entries.findLast((measured) => keyOf(measured) === one.key);
      const lacks = whyApart(entry, latest, now);
      return lacks === undefined ? { tuned: one, entry: entry! } : { tuned: one, lacks };
    }),
  };
}

/** The table, with the standing of each value in its column. */
export function tableOf({ latest, found }: Together, metric: MetricKey): Table {
  const measure = METRICS.find(({ name }) => name === metric) ?? METRICS[0];
  const expected = latest?.evaluation.rows.map((row) => row.expected) ?? [];
  const candidates = [
    latest && baseOf(latest),
    ...found.map(({ entry }): Candidate | undefined => entry && candidateOf(entry)),
  ];
  const scores = scoreStandings(measure, expected, candidates);
  const general = generalStandings(candidates);
  const prompts = promptStandings(candidates);
  const costs = costsOf(found.map((one) => one.tuned));
  const rowAt = (at: number): Omit<TableRow, 'caveat' | 'cost'> => ({
    ...{ score: scores[at], general: general[at], prompts: prompts[at] },
    ...(candidates[at] && { candidate: candidates[at] }),
  });
  return {
    rows: latest ? rowsOf(latest) : 0,
    base: latest && { ...rowAt(0), caveat: '', cost: {} },
    tuned: found.map(({ tuned, lacks, entry }, at): TableRow => {
      const { before, after, kl } = entry?.forgetting ?? {};
      return {
        ...rowAt(at + 1),
        ...{ tuned, cost: costs[at] },
        caveat: entry ? caveatOf(entry.evaluation) : '',
        ...(lacks !== undefined && { lacks }),
        ...(before !== undefined && after !== undefined && { change: after - before }),
        ...(kl?.after !== undefined && { kl: kl.after }),
      };
    }),
  };
}

/** The time of a step varies a little. */
const SAME_TIME = 0.1;

/** Whether memory and time of the runs can be compared: their steps were of the same rows. */
export function isSameWork(tuned: readonly Tuned[]): boolean {
  return new Set(tuned.flatMap(({ work }) => work ?? [])).size < 2;
}

function costsOf(tuned: readonly Tuned[]): TableRow['cost'][] {
  const alike = isSameWork(tuned);
  const of = (name: keyof RunTook, tolerance: number, compared = true): readonly (Standing | undefined)[] =>
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

function candidateOf({ evaluation: { rows, tuned }, forgetting }: TunedMeasurement): Candidate {
  return { answers: rows.map((row) => row.tuned), ...(tuned && { loss: tuned }), forgetting };
}

function baseOf({ evaluation: { rows, base }, forgetting }: TunedMeasurement): Candidate {
  const { before, prompts = [] } = forgetting;
  return {
    answers: rows.map((row) => row.base),
    ...(base && { loss: base }),
    forgetting: {
      before,
      prompts: prompts.map(({ prompt, before: text, rightBefore }) => ({
        ...{ prompt, before: text, rightBefore },
      })),
    },
  };
}

export const COLUMNS = {
  name: 'What was tuned',
  parameters: 'Parameters',
  memory: 'Memory',
  time: 'Seconds a step',
  score: 'Score',
  general: 'General text',
  prompts: 'General prompts',
  kl: 'KL to base',
} as const;
export type ColumnName = keyof typeof COLUMNS;

export interface Order {
  readonly column: ColumnName;
  readonly descending: boolean;
}

/** @param expected answers of the rows that were asked */
export function inOrder(
  rows: readonly TableRow[],
  { column, descending }: Order,
  valueOf: (candidate: Candidate) => number | undefined,
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
      if (column === 'general') return generalLossOf(candidate);
      return column === 'prompts' ? promptsOf(candidate)?.right : valueOf(candidate);
    },
    descending,
  );
}

/** The scores of one row, by the names of the metrics. */
export const scoresOfRow = (
  { answers, loss }: Candidate,
  expected: readonly string[],
): ReturnType<typeof scoresOf> => scoresOf({ expected, answers, likelihood: loss });

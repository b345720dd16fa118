/** Forecasts the time of a run: the work of its steps, validations and answers, at the speed that was measured on this device. */
import { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { baseWeightsOf } from '../train/loading.ts';
import { runBuckets } from '../train/step-kinds.ts';
import { validationRows } from '../train/order.ts';
import {
  COUNTED_STEPS,
  countValidations,
  planWork,
  runWork,
  stepWork,
  type PlanWork,
} from '../train/run-work.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { placesOf, rowsOf, shapeOfRow, type RowSet } from '../data/row-set.ts';
import type { List } from '../lists.ts';
import { shorterRows } from '../data/shorter-rows.ts';
import type { PlannedOn } from './run-memory.ts';
import { SAMPLE_TOKENS } from './check-run.ts';
import { SettingReads } from './setting-reads.ts';
import { medianSpeed, speedLike, type MeasuredSteps, type StepSpeeds } from './step-speeds.ts';
import { checkSpec, countSteps, hasRank, type RunSpec, specOf, type FormSpec } from '../settings/spec.ts';

/** The source of a forecast: steps of this model on this device, or a test of a few layers of another model. */
export type SpeedSource =
  | {
      readonly kind: 'run';
      /** How many steps were measured. */
      readonly steps: number;
      /** Whether they had about as many tokens as those of the forecast. */
      readonly sameSize: boolean;
    }
  | { readonly kind: 'test'; readonly layers: number };

/** Seconds of a run. */
export interface RunTime {
  readonly total: number;
  readonly steps: number;
  /** All validations, including the one before the first step; too many if the run ends early. */
  readonly validations: number;
  /** The answers to the sample prompt; undefined if there are some and their time is not known. */
  readonly answers?: number;
  readonly source: SpeedSource;
}

/** A change that makes a run shorter. */
export interface Shortening {
  readonly text: string;
  readonly change: Partial<
    Pick<FormSpec, 'steps' | 'maxLength' | 'packing' | 'checkpointing' | 'evalEvery' | 'rank' | 'warmup'>
  >;
  /** Seconds of the run with the change made. */
  readonly total: number;
}

/** The speed of training that a test of a few layers measured. */
export interface TrainingSpeed {
  /** Floating-point operations a second. */
  readonly flops: number;
  /** The same for answers, token by token; missing in measurements of earlier versions. */
  readonly answerFlops?: number;
  /** Milliseconds since 1970. */
  readonly measured: number;
  /** How long measuring took; missing in measurements of earlier versions. */
  readonly seconds?: number;
}

/** Layers of SmolLM2-135M in the test: with its head they are a third of it, and the step of a larger model consists of the same. */
export const TEST_LAYERS = 4;

/** Floating-point operations of one token of an answer: two for each parameter that a token meets. */
export const decodingWork = (parameters: number): number => 2 * parameters;

/** Measurements on this device: of steps of this model, and of the test. */
export interface Speeds {
  readonly own?: StepSpeeds;
  readonly test?: TrainingSpeed;
}

/** The model of a forecast, which need not be on the device. */
export type ForecastModel = Pick<
  LanguageModel,
  'device' | 'definition' | 'dtype' | 'weightChoices' | 'storedAs'
>;

type Opened = Omit<PlannedOn, 'model'> & {
  readonly model: ForecastModel;
  readonly info: { readonly parameters: number; readonly activeParameters?: number };
};

/** @returns undefined for a run without rows, or with settings that are impossible */
export async function forecastRuns(
  runs: readonly FormSpec[],
  open: Opened,
  data: RowSet | undefined,
  speeds: Speeds,
): Promise<(RunTime | undefined)[]> {
  const rows = openRows(open, data);
  const times: (RunTime | undefined)[] = [];
  for (const options of runs) times.push(rows && (await forecast(options, rows, open, speeds)));
  return times;
}

/** Rows are not cut below this. */
const MIN_LENGTH = 64;
const MIN_RANK = 4;

/** Changes that would make a run shorter, each forecast like the run itself; the shortest first. */
export async function shortenRun(
  options: FormSpec,
  open: Opened,
  data: RowSet | undefined,
  speeds: Speeds,
): Promise<Shortening[]> {
  const rows = openRows(open, data);
  if (!rows || !data) return [];
  const ways: Shortening[] = [];
  const consider = async (text: string, change: Shortening['change'], changed = rows): Promise<void> => {
    const time = await forecast({ ...options, ...change }, changed, open, speeds);
    if (time) ways.push({ text, change, total: time.total });
  };

  const { batch, accumulate, steps, evalEvery, rank, maxLength } = options;
  const onePass = Math.ceil(rows.train.length / (batch * accumulate));
  const fewer = onePass < steps ? onePass : Math.ceil(steps / 2);
  if (fewer < steps)
    await consider(`Train ${fewer} steps${fewer === onePass ? ', one epoch' : ''}`, {
      steps: fewer,
      warmup: Math.min(options.warmup, fewer),
    });
  const lengths = placesOf(data, 'train').map((place) => shapeOfRow(place)!.longest);
  const longest = lengths.reduce((max, length) => Math.max(max, length), 0);
  const limit = Math.max(MIN_LENGTH, Math.ceil(longest / 2));
  const cut = limit < maxLength ? shorterRows(limit, data, open.tokenizer.bosId) : undefined;
  if (cut) {
    const longer = lengths.filter((length) => length > limit).length;
    await consider(
      `Truncate rows at ${limit} tokens, which shortens ${longer} of ${rows.train.length}`,
      { maxLength: limit },
      cut,
    );
  }
  if (!options.packing) await consider('Pack rows', { packing: true });
  if (options.checkpointing) await consider('Turn activation checkpointing off', { checkpointing: false });
  if (evalEvery > 0 && evalEvery < steps)
    await consider(`Validate every ${2 * evalEvery} steps`, { evalEvery: 2 * evalEvery });
  if (rank > MIN_RANK && hasRank(options) && !options.start)
    await consider(`Take rank ${Math.ceil(rank / 2)}`, { rank: Math.ceil(rank / 2) });
  return ways.sort((a, b) => a.total - b.total);
}

interface HeldRows {
  readonly train: List<LabelledTokens>;
  readonly validation: List<LabelledTokens>;
}

function openRows({ content }: Opened, data: RowSet | undefined): HeldRows | undefined {
  if (data?.modelContent !== content) return undefined;
  const train = rowsOf(data, 'train');
  return train.length > 0 ? { train, validation: validationRows(rowsOf(data, 'validation')) } : undefined;
}

async function forecast(
  options: FormSpec,
  { train, validation: heldOut }: HeldRows,
  open: Opened,
  speeds: Speeds,
): Promise<RunTime | undefined> {
  const settings = specOf(options);
  const validation = validationRows(heldOut);
  try {
    checkSpec(settings);
    const count = countSteps(settings, train.length);
    // The buckets of a long run are nearly those of its start.
    const buckets = runBuckets({ ...settings, steps: Math.min(count, COUNTED_STEPS) }, train, validation);
    const work = await workOf(open, settings);
    const tokens = Math.max(...buckets.gradients.map((bucket) => bucket.tokens));
    const speed = speedOf(speeds, tokens, settings.checkpointing);
    if (!speed) return undefined;
    const run = runWork(settings, train, validation, buckets, work);
    const steps = run.steps / speed.flops;
    const reference = run.reference / speed.flops;
    const validations = (countValidations(settings, count) * run.validation) / speed.flops;
    const answer = answerSeconds(speeds, open);
    const asked = options.sampleEvery > 0 ? 1 + Math.floor(count / options.sampleEvery) : 0;
    const answers = asked === 0 ? 0 : answer && asked * answer;
    return {
      total: reference + steps + validations + (answers ?? 0),
      steps: reference + steps,
      validations,
      ...(answers !== undefined && { answers }),
      source: speed.source,
    };
  } catch (error) {
    // The form itself says which settings are invalid.
    if (error instanceof GraftError && /^(?:train|lora)-/.test(error.code)) return undefined;
    throw error;
  }
}

/** Plans with up to this factor between their tokens run about as fast. */
const SAME_SIZE = 1.5;

function speedOf(
  { own, test }: Speeds,
  tokens: number,
  checkpointing: boolean,
): { readonly flops: number; readonly source: RunTime['source'] } | undefined {
  const like = own && speedLike(own, { tokens, checkpointing });
  if (like) {
    const ratio = Math.max(like.tokens / tokens, tokens / like.tokens);
    const sameSize = ratio <= SAME_SIZE && like.checkpointing === checkpointing;
    return { flops: like.flops, source: { kind: 'run', steps: like.steps, sameSize } };
  }
  return test && { flops: test.flops, source: { kind: 'test', layers: TEST_LAYERS } };
}

function answerSeconds(
  { own, test }: Speeds,
  { info: { parameters, activeParameters = parameters } }: Opened,
): number | undefined {
  if (own?.answer !== undefined) return own.answer;
  if (test?.answerFlops === undefined) return undefined;
  return (SAMPLE_TOKENS * decodingWork(activeParameters)) / test.answerFlops;
}

/** A run on this device, with the times of its steps and answers. */
export interface MeasuredRun {
  readonly open: { readonly model: LanguageModel };
  readonly options: FormSpec;
  readonly rows: HeldRows;
  /** In order, from the first of this visit. */
  readonly points: readonly { readonly step: number; readonly seconds: number }[];
  readonly answerSeconds: readonly number[];
}

/** The speed of a run's steps, for forecasts of later ones; undefined for a few steps, which say too little. */
export async function measuredSteps({
  open,
  options,
  rows,
  points,
  answerSeconds,
}: MeasuredRun): Promise<{ readonly steps: MeasuredSteps; readonly answer: number | undefined } | undefined> {
  const settings = specOf(options);
  const buckets = runBuckets(settings, rows.train, validationRows(rows.validation));
  const work = stepWork(settings, rows.train, buckets, await workOf(open, settings));
  const speed = medianSpeed(points.map(({ step, seconds }) => ({ flops: work(step - 1), seconds })));
  if (!speed) return undefined;
  const tokens = Math.max(...buckets.gradients.map((bucket) => bucket.tokens));
  return {
    steps: { tokens, checkpointing: settings.checkpointing, ...speed },
    answer: median(answerSeconds),
  };
}

/** Work that was counted for a model: a forecast is asked for with every change of a setting, and few settings change the work. */
interface Counted {
  readonly work: PlanWork;
  /** The settings that `planWork` read: the work is the same for all specifications that agree in them. */
  readonly reads: SettingReads;
}

const counted = new WeakMap<object, Counted[]>();
const MAX_COUNTED = 64;

/** The work of a run's plans on the open model. */
export async function workOf(
  { model }: { readonly model: ForecastModel },
  options: RunSpec,
): Promise<PlanWork> {
  const known = counted.get(model) ?? [];
  counted.set(model, known);
  const found = known.find(({ reads }) => reads.agree(options));
  if (found) return found.work;
  const { device, definition, dtype: precision, weightChoices, storedAs } = model;
  const reads = new SettingReads(options);
  const work = await planWork(device.lowering, definition, {
    ...{ precision, storedAs, baseWeights: baseWeightsOf(reads.options, weightChoices) },
    options: reads.options,
  });
  if (known.length >= MAX_COUNTED) known.length = 0;
  known.push({ work, reads });
  return work;
}

/** The lower one of two: the first answer compiles its plan. */
function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b).at(Math.floor((values.length - 1) / 2));
}

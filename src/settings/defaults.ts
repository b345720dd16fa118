/**
 * What a run takes if a person chooses nothing: the one place for the form, the command, the demo and recipes. It depends on the size of the model,
 * the method, the objective, the optimiser and the rows. How the numbers were chosen is docs/defaults.md, by bench/defaults.mjs.
 */
import type { Preset } from './presets.ts';
import { rateOfSize, SMALL_MODEL } from './run.ts';
import type { AboutModel, Given, SettingValue } from './setting.ts';
import { settingOf, TABLE } from './table.ts';

/** What suits rows of a bundled sample. */
export interface Suggestion {
  readonly steps?: number;
  readonly batch: number;
  /** The learning rate of LoRA, or of the objective if there is one. */
  readonly lr: number;
  readonly rank: number;
  readonly alpha: number;
  /** The objective that the rows are for, whose own learning rate is taken. */
  readonly objective?: string;
  readonly accumulate?: number;
}

/** What the defaults of a run depend on besides its settings. */
export interface AboutRun extends AboutModel {
  /** Rows to train on, after the split. */
  readonly rows?: number;
  /** Rows that are held out for validation; some if left out. */
  readonly validation?: number;
  readonly suggestion?: Suggestion;
}

/** What the table has for a number, which no model or rows decide. */
const usualOf = (name: 'epochs' | 'rank'): number => TABLE.resolve({})[name] as number;
const PASSES = usualOf('epochs');
const MAX_STEPS = 1000;
const MIN_STEPS = 10;
/** Validations of a run, however long it is. */
const VALIDATIONS = 10;
const PATIENCE = 3;

/** What rows of no sample suggest. */
export function suggest({ parameters = 0 }: AboutModel): Suggestion {
  return {
    batch: parameters < SMALL_MODEL ? 8 : 4,
    lr: rateOfSize({ parameters }),
    rank: usualOf('rank'),
    alpha: TABLE.resolve({})['alpha'] as number,
  };
}

/**
 * The rate of a method, an objective and an optimiser, as a multiple of that of supervised LoRA and the usual optimiser.
 *
 * @param isOwn whether the rate is the objective's own already
 */
function rateFactor({ method, objective, optimiser, trainWeights }: Given, isOwn: boolean): number {
  const chosen = { method, optimiser, trainWeights, ...(!isOwn && { objective }) };
  return (TABLE.resolve(chosen)['lr'] as number) / (TABLE.resolve({})['lr'] as number);
}

/** The settings that a preset decides. */
interface UsualSettings extends Readonly<Record<string, SettingValue | undefined>> {
  readonly lr: number;
  readonly batch: number;
  readonly accumulate: number;
  /** Missing if the passes are given, which decide. */
  readonly steps?: number;
  readonly warmup: number;
  readonly evalEvery: number;
  readonly patience: number;
  /** Missing if there is none. */
  readonly rank?: number;
  readonly alpha?: number;
}

/**
 * @param given the chosen settings: what a preset decides follows from them, and is the chosen value if it is among them
 * @returns values of all settings that depend on model, rows and preset
 */
export function usualSettings(given: Given, about: AboutRun, preset: Preset = 'balanced'): UsualSettings {
  const { rows = 0, validation = 1 } = about;
  const suggestion = about.suggestion ?? suggest(about);
  const isOwn = suggestion.objective !== undefined && suggestion.objective === given['objective'];
  const thorough = preset === 'thorough';
  const chosen = (name: string, usual: number): number => (given[name] as number | undefined) ?? usual;

  const usualLr = Number((suggestion.lr * rateFactor(given, isOwn)).toPrecision(12));
  const size = sizeOfStep(given, suggestion, isOwn);
  const batch = chosen('batch', size.batch);
  const accumulate = chosen('accumulate', size.accumulate);
  const stepsOf = (passes: number): number => Math.ceil((passes * Math.max(1, rows)) / (batch * accumulate));
  const balanced = suggestion.steps ?? Math.min(MAX_STEPS, Math.max(MIN_STEPS, stepsOf(PASSES)));
  const preferred = {
    quick: Math.max(MIN_STEPS, Math.round(balanced / 3)),
    balanced,
    thorough: 3 * balanced,
  }[preset];
  const epochs = given['epochs'] as number | undefined;
  const steps = chosen('steps', epochs === undefined ? preferred : Math.max(1, stepsOf(epochs)));
  const rank = chosen('rank', thorough ? 2 * suggestion.rank : suggestion.rank);
  const byRank = given['rank'] === undefined ? suggestion.alpha * (thorough ? 2 : 1) : 2 * rank;
  return {
    lr: chosen('lr', thorough ? usualLr / 2 : usualLr),
    ...{ batch, accumulate },
    ...(epochs === undefined || given['steps'] !== undefined ? { steps } : {}),
    warmup: chosen('warmup', TABLE.resolve({ ...given, steps })['warmup'] as number),
    evalEvery: chosen('evalEvery', validation > 0 ? Math.max(1, Math.round(steps / VALIDATIONS)) : 0),
    patience: chosen('patience', thorough && validation > 0 ? PATIENCE : 0),
    ...(TABLE.applies(settingOf('rank'), given) && { rank, alpha: chosen('alpha', byRank) }),
  };
}

/** Rows of a step: the objective's own number, if it differs from the usual one. */
function sizeOfStep(
  { objective }: Given,
  { batch, accumulate = 1 }: Suggestion,
  isOwn: boolean,
): { batch: number; accumulate: number } {
  const [usual, own] = [{}, { objective }].map((given) => TABLE.resolve(given));
  const isUsual = ['batch', 'accumulate'].every((name) => own[name] === usual[name]);
  return isOwn || isUsual
    ? { batch, accumulate }
    : { batch: own['batch'] as number, accumulate: own['accumulate'] as number };
}

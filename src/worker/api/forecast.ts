/** The time of a run, before it starts. */
import type { PlacedFinding } from '../../data/findings/open-rows.ts';
import type { Unwritable } from '../../data/unwritable.ts';
import type { RunCost } from '../../runs/run-cost.ts';
import type { RunTime, Shortening } from '../../runs/run-forecast.ts';
import type { Outcome } from './outcome.ts';
import type { FormSpec } from '../../settings/spec.ts';

export type { Unwritable } from '../../data/unwritable.ts';
export type { RunCost } from '../../runs/run-cost.ts';
export type { RunTime, Shortening, SpeedSource } from '../../runs/run-forecast.ts';

/** A setting that works and is probably a mistake. */
export interface SettingWarning {
  readonly key:
    'lr' | 'rank' | 'alpha' | 'dropout' | 'weightDecay' | 'rateRatio' | 'steps' | 'batch' | 'rewards';
  readonly what: string;
  /** The usual value, and what happens otherwise. */
  readonly usual: string;
}

export interface ForecastApi {
  /** Warnings about the settings, before a run on the open model and rows starts. */
  warnAboutRun(options: FormSpec): Promise<Outcome<{ readonly warnings: readonly SettingWarning[] }>>;
  /**
   * What of the answers to train on the open model cannot write, in a run with these settings, and the same as a finding; nothing if it can write all,
   * or no rows are open.
   */
  checkAnswers(
    options: FormSpec,
  ): Promise<Outcome<{ readonly found?: Unwritable; readonly finding?: PlacedFinding }>>;
  /**
   * Forecasts runs on the open model and rows, without using the GPU: fast enough for every change of a setting.
   *
   * @returns a time for each run, none if no rows are open for this model; and whether training was ever measured on this device,
   * without which there is none either
   */
  forecastRuns(
    runs: readonly FormSpec[],
  ): Promise<Outcome<{ readonly times: readonly (RunTime | undefined)[]; readonly measured: boolean }>>;
  /** Memory and time of a run on the open model, for a choice among several; of rows of its kind if such are open. */
  costRun(options: FormSpec): Promise<Outcome<{ readonly cost: RunCost }>>;
  /** Changes that make a run shorter, each with its own forecast, the shortest first. */
  shortenRun(options: FormSpec): Promise<Outcome<{ readonly ways: readonly Shortening[] }>>;
}

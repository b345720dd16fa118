/** How long a run will take, before it starts. */
import type { Outcome } from './outcome.ts';
import type { RunOptions } from './runs.ts';

/** What a forecast is made from: steps of this model on this GPU, or a test of a few layers of another model. */
export type SpeedSource =
  | {
      readonly kind: 'run';
      /** So many were measured. */
      readonly steps: number;
      /** Whether they had about as many tokens as those of the forecast. */
      readonly sameSize: boolean;
    }
  | { readonly kind: 'test'; readonly layers: number };

/** Seconds of a run. */
export interface RunTime {
  readonly total: number;
  readonly steps: number;
  /** All of them, the one before the first step included; more than it takes where the run ends early. */
  readonly validations: number;
  /** The answers to the sample prompt; undefined where there are some and nothing is known of their time. */
  readonly answers?: number;
  readonly source: SpeedSource;
}

/** A change that makes a run shorter. */
export interface Shortening {
  readonly text: string;
  readonly change: Partial<
    Pick<RunOptions, 'steps' | 'maxLength' | 'packing' | 'checkpointing' | 'evalEvery' | 'rank' | 'warmup'>
  >;
  /** Seconds of the run with the change made. */
  readonly total: number;
}

/** A setting that can run and hardly can be meant. */
export interface SettingDoubt {
  readonly key: 'lr' | 'rank' | 'alpha' | 'dropout' | 'weightDecay' | 'rateRatio' | 'steps' | 'batch';
  readonly what: string;
  /** What is usual, and what happens otherwise. */
  readonly usual: string;
}

export interface ForecastApi {
  /** What to ask about before a run on the open model and rows starts. */
  doubtRun(options: RunOptions): Promise<Outcome<{ readonly doubts: readonly SettingDoubt[] }>>;
  /**
   * Forecasts runs on the open model and rows, without using the GPU: fit to be asked on every change of a setting.
   *
   * @returns a time for each run, none where no rows are open for this model; and whether training was ever measured on this device,
   * without which there is none either
   */
  forecastRuns(
    runs: readonly RunOptions[],
  ): Promise<Outcome<{ readonly times: readonly (RunTime | undefined)[]; readonly measured: boolean }>>;
  /** What would make a run shorter, each with its own forecast, the shortest first. */
  shortenRun(options: RunOptions): Promise<Outcome<{ readonly ways: readonly Shortening[] }>>;
}

/** Models that suit a browser, with the memory and time that each would take here, known before it is fetched. */
import type { MemoryProblem } from '../../train/memory-advice.ts';
import type { ModelRef } from './models.ts';
import type { TrainingSpeed } from '../../runs/run-forecast.ts';
import type { OnProgress, Outcome } from './outcome.ts';
import type { FormSpec } from './runs.ts';

export type { TrainingSpeed } from '../../runs/run-forecast.ts';

export interface CuratedModel {
  /** On the hub. */
  readonly id: string;
  readonly licence: string;
  /** Whether its licence has to be accepted there first. */
  readonly gated: boolean;
  /** A copy that is not gated; its licence is the same. */
  readonly mirror?: string;
  /** In a sentence or two. */
  readonly goodAt: string;
  readonly parameters: number;
  /** Bytes of its safetensors without their header: nearly the size of the download. */
  readonly weightBytes: number;
}

/** The configuration, on which memory and time depend. */
export type ForecastSettings = Pick<FormSpec, 'batch' | 'maxLength' | 'rank'>;

/** GPU memory of a run, by the planner. */
export interface ForecastMemory {
  readonly peakBytes: number;
  /** A buffer that this GPU does not allow; undefined if all are allowed. */
  readonly refused?: MemoryProblem;
}

export interface ModelForecast {
  readonly precision: 'f32' | 'f16';
  /** With these settings. */
  readonly usual: ForecastMemory;
  /** With weights in four bits and activation checkpointing. */
  readonly least: ForecastMemory;
  /** Tokens of a full step. */
  readonly tokens: number;
  /** Time of a full step at the measured speed; undefined if nothing was measured. */
  readonly secondsPerStep?: number;
}

export interface CuratedApi {
  /** In an order to read them in. No GPU is needed. */
  curatedModels(): Promise<Outcome<{ readonly models: readonly CuratedModel[] }>>;
  /**
   * Plans a run on a model in a dry run, without its weights and without GPU memory.
   *
   * @param of the id of one of the list, or a model that is bundled or kept
   */
  forecastModel(
    of: string | ModelRef,
    settings: ForecastSettings,
  ): Promise<Outcome<{ readonly forecast: ModelForecast }>>;
  /** The measured speed of this GPU, from this visit or an earlier one. */
  trainingSpeed(): Promise<Outcome<{ readonly speed?: TrainingSpeed }>>;
  /** Measures it: seconds on a GPU, up to minutes on a software adapter. Fails with `worker-aborted` when it is stopped. */
  measureTrainingSpeed(
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly speed: TrainingSpeed }>>;
}

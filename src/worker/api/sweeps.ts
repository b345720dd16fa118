/** Sweeps: several runs of one model on the same rows, and which settings are best by validation. */
import type { SweepAsk } from '../../runs/sweep/form.ts';
import type { SweepTimeLeft } from '../../runs/sweep/forecast.ts';
import type { SweepPicture } from '../../runs/sweep/picture.ts';
import type { SweepState, SweptRun } from '../../runs/sweep/record.ts';
import type { SpeedSource } from '../../runs/run-forecast.ts';
import type { FormSpec } from '../../settings/spec.ts';
import type { Failure, Outcome, Progress } from './outcome.ts';
import type { Evaluation } from '../../evaluate/record.ts';
import type { Sample } from './evaluation.ts';
import type { RunUpdate } from './runs.ts';

export type { SweepAsk } from '../../runs/sweep/form.ts';
export type { SweepPicture } from '../../runs/sweep/picture.ts';
export type { SweptRun } from '../../runs/sweep/record.ts';
export type { SweepTimeLeft as TimeLeft } from '../../runs/sweep/forecast.ts';

/** What a sweep would train, before it starts. */
export interface SweepForecast {
  readonly runs: number;
  /** In words: recipes, seeds, steps and rungs. */
  readonly plan: string;
  /** Steps of all runs together if none ends early and no budget ends the sweep. */
  readonly steps: number;
  /** Seconds of all of them; missing if training was never measured on this device. The two ends are apart if the recipes that continue are not known. */
  readonly time?: SweepTimeLeft & { readonly source: SpeedSource };
  /** The first recipes, in words, in the order in which they start. */
  readonly first: readonly string[];
  readonly command: string;
}

/** A recipe as a line of the table. */
export interface SweepLine {
  /** From 0. */
  readonly recipe: number;
  readonly cells: readonly string[];
  /** Its run with the lowest validation loss that is done. */
  readonly best?: { readonly run: SweptRun; readonly adapter: 'swept' | 'kept' | 'none' };
}

export interface SweepInfo {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly created: number;
  /** `elsewhere` while another tab trains it. */
  readonly status: SweepState['status'] | 'elsewhere';
  readonly form: FormSpec;
  readonly ask: SweepAsk;
  /** In words: what it trains. */
  readonly plan: string;
  /** In sentences: the best recipe, its loss, and whether that may be chance. */
  readonly result: readonly string[];
  /** How far the numbers can be trusted. */
  readonly limits: string;
  readonly runs: readonly SweptRun[];
  readonly seeds: number;
  /** What the headings of the table are, and its lines, the best recipe first. */
  readonly head: readonly string[];
  readonly lines: readonly SweepLine[];
  readonly picture?: SweepPicture;
  /** Steps that are done, and those that are left if no run ends early. */
  readonly steps: { readonly done: number; readonly left: number };
  readonly left?: SweepTimeLeft;
  /** '' where the command does not see the same rows. */
  readonly command: string;
  /** How many folds a cross-validation has trained, and how many of them are measured. */
  readonly folds?: { readonly count: number; readonly measured: number };
}

export type SweepEvent =
  | { readonly type: 'sweep'; readonly sweep: SweepInfo }
  /** What the run that trains does, by its name in the sweep. */
  | { readonly type: 'run'; readonly run: string; readonly event: RunUpdate }
  /** The answers of a fold, from 0, as far as they are measured. */
  | { readonly type: 'measuring'; readonly fold: number; readonly progress: Progress };

/** A sweep at rest, and why it rests if something stopped it. */
type Rested = Outcome<{ readonly sweep: SweepInfo; readonly failure?: Failure }>;

export interface SweepsApi {
  /** Plans a sweep on the open model and rows. It uses no GPU. */
  planSweep(ask: SweepAsk, form: FormSpec): Promise<Outcome<{ readonly forecast: SweepForecast }>>;
  /** Trains run after run until all are done, the budget is used, or it is paused or cancelled. */
  startSweep(
    ask: SweepAsk,
    form: FormSpec,
    onEvent: (event: SweepEvent) => void,
    /** How the folds of a cross-validation are measured; always on all of their rows. */
    sample?: Sample,
  ): Promise<Rested>;
  /** Continues one that was paused, or that a closed tab left. A budget that is used up does not end it again. */
  continueSweep(id: string, onEvent: (event: SweepEvent) => void): Promise<Rested>;
  /** The run that trains is saved; what is done stays. */
  pauseSweep(): Promise<void>;
  /** Ends a sweep, trained here or paused: runs that are done stay, and the others lose what they would continue from. */
  cancelSweep(id: string): Promise<Outcome<{ readonly sweep: SweepInfo }>>;
  /** The newest first. */
  listSweeps(): Promise<Outcome<{ readonly sweeps: readonly SweepInfo[] }>>;
  /** Deletes it with its runs and the adapters that nobody kept. */
  deleteSweep(id: string): Promise<Outcome<object>>;
  /** The folds of a cross-validation as one measurement. Before all of them are measured it fails with `folds-open`. */
  readFolds(id: string): Promise<Outcome<{ readonly evaluation: Evaluation }>>;
  /** Puts the adapter of one of its runs into the library. @param run its name in the sweep */
  keepSwept(id: string, run: string): Promise<Outcome<{ readonly sweep: SweepInfo }>>;
}

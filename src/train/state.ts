/** Everything that a run needs to be resumed bit for bit: values, optimiser state and counters. The order of rows and dropout follow from seed and step. */

export type NamedArrays = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

export interface TrainerCounters {
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole run, which the schedule depends on. */
  readonly steps: number;
  readonly seed: number;
  readonly bestEvalLoss?: number;
  readonly evaluationsSinceBest: number;
  /** The validation before the first step, until a later one is compared with it. */
  readonly startEvalLoss?: number;
  /** It was interrupted in the validation of its step, which is made before the next step. */
  readonly evaluationDue?: boolean;
}

export interface TrainerState {
  readonly counters: TrainerCounters;
  /** Trained tensors by name: PEFT's for an adapter, the model's own for full fine-tuning. */
  readonly values: NamedArrays;
  /** The optimiser's state, by its planes: AdamW's `first` and `second` moments. */
  readonly optimiser: ReadonlyMap<string, NamedArrays>;
  /** Values at the best evaluation so far. */
  readonly best?: NamedArrays;
  /** Values before the first step, as long as `startEvalLoss` is kept. */
  readonly start?: NamedArrays;
  /**
   * For an objective with a reference policy, once known: its log-probabilities of the rows, by part. If answers are sampled and the reference is the
   * adapter that the run starts from: its tensors.
   */
  readonly reference?: NamedArrays;
}

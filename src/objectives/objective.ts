/** Objectives. Each has a folder, and a line in registry.ts. */
import type { PairInputs, PairKernel } from '../engine/ops/pair_loss.ts';
import type { PolicyNumbers } from '../engine/ops/policy_loss.ts';
import type { List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Contribution, Given } from '../settings/setting.ts';

/**
 * The kinds of rows: answers to learn, pairs with a preferred answer, single answers that are desirable or not, prompts for sampling, or queries
 * with the texts that answer them.
 */
export type RowKind = 'answers' | 'pairs' | 'unpaired' | 'prompts' | 'queries';

/**
 * The parts of a loss, recorded after the forward of a micro-batch. Losses are sums over tokens or rows, as the objective counts, and are added to
 * the statistics of the step.
 */
export interface LossGraph {
  /** The summed cross-entropy of all labels. The head's gradient is taken chunk by chunk in the same pass. */
  crossEntropy(): Tensor;
  /** The log-probability of each sequence's labels, summed over them: f32 [S]. The head's gradient computes its chunks again. */
  sequenceLogProbabilities(): Tensor;
  /** The same by the reference policy, which is the model before the first step: f32 [S], without a gradient. */
  referenceLogProbabilities(): Tensor;
  /** 1 for the sequences of rows that are desirable, −1 for those of others: f32 [S]. */
  desirable(): Tensor;
  /** The summed loss of pairs, from the log-probabilities of their answers. @param numbers that the kernel reads */
  pairs(kernel: PairKernel, inputs: PairInputs, numbers: readonly number[]): Tensor;
  /**
   * The mean cross-entropy over all tokens of the texts that are predicted whole, times the rows of the micro-batch.
   *
   * @param sum the index among the objective's sums if it is added as well
   */
  textCrossEntropy(sum: number): Tensor;
  /** Several of these losses as one. */
  together(...losses: readonly Tensor[]): Tensor;
  /** The log-probability of each label: f32 [R]. @param temperature by which logits are divided */
  tokenLogProbabilities(temperature: number): Tensor;
  /** The clipped surrogate of sampled sequences, with the advantages, weights and earlier log-probabilities that the micro-batch brings. */
  policy(logProbabilities: Tensor, numbers: PolicyNumbers): Tensor;
  /**
   * The summed cross-entropy of each query's text among all texts of the micro-batch, by the cosines of an encoder's vectors.
   *
   * @param temperature by which cosines are divided
   */
  contrastive(temperature: number): Tensor;
}

/** A number that is reported for a step or a validation next to its loss. */
export interface Reported {
  /** In metrics.jsonl. */
  readonly name: string;
  readonly label: string;
  /** The unit of its values, as it stands after the label. */
  readonly unit?: string;
  /** Whether it is a share, from 0 to 1. */
  readonly share?: true;
  /** The entry of the guide that says what it is. */
  readonly term?: string;
  /** Numbers with the same name here are drawn into one picture of that name. */
  readonly picture?: string;
}

/** Reported numbers by name; null if no row has such a number. */
export type ObjectiveReport = Readonly<Record<string, number | null>>;

/** How an objective's curve is read. */
export interface CurveWords {
  /** What the loss means, for people. */
  readonly loss: string;
  /** The loss if nothing has been learned, as a number, and in words. Missing if it depends on model and rows. */
  readonly start?: { readonly loss: number; readonly words: string };
  /** The reported number that is drawn and read in place of the loss: higher is better there. */
  readonly drawn?: 'reward';
}

export interface Objective extends Contribution {
  /** The rows that it is made for. */
  readonly rows: RowKind;
  /** Other kinds of rows that it can learn from. */
  readonly alsoTakes?: readonly RowKind[];
  /** It tunes an encoder, by the vectors that this makes of texts; if left out, a language model. */
  readonly encodes?: true;
  /** It learns from answers that it samples to its rows, and that rewards score; if left out, from the rows themselves. */
  readonly samples?: true;
  /** The denominator of a step's loss and gradient: tokens, rows, or weights of tokens that come with the rows. */
  readonly mean: 'tokens' | 'rows' | 'weights';
  /** Rows that a micro-batch must have; 1 if left out. */
  readonly leastRows?: number;
  /** Whether its loss reads the log-probabilities of a reference policy, which are computed before the first step and kept. */
  readonly reference: boolean;
  /** Whether every step is compared with the reference policy, for an objective that samples. @param settings of the run by name */
  compares?(settings: Given): boolean;
  /** What it reports, in the order in which it is shown. */
  readonly reported: readonly Reported[];
  /** The number of sums that its loss adds after the slots of every step. */
  readonly sums: number;
  /** The reported numbers. @param sums over a step or a validation @param count the denominator */
  report(sums: ArrayLike<number>, count: number): ObjectiveReport;
  readonly curve: CurveWords;
  /** The names of the two sequences of a row, if their log-probabilities are written to a file. Missing if there are none. */
  readonly sequences?: readonly [string, string];
  /**
   * Makes training rows of the file's rows, if they need more: as they are taken, if the rows are. Rows that it has made are returned unchanged.
   *
   * @param settings of the run by name, `batch` and `maxLength` among them
   */
  arrange?<Row extends LabelledTokens>(rows: List<Row>, settings: Given): List<Row>;
  /** Records the summed loss of a micro-batch. @param settings of the run by name */
  record(loss: LossGraph, settings: Given): Tensor;
  /** Records the log-probabilities by the reference policy that the loss reads; those of whole sequences if left out. */
  recordReference?(loss: LossGraph, settings: Given): Tensor;
}

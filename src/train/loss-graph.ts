/** What comes behind the forward of a micro-batch: losses, as an objective asks for them, on the engine's tape. */
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { logProbabilities } from '../engine/ops/log_probabilities.ts';
import { pairLoss, type PairKernel } from '../engine/ops/pair_loss.ts';
import { policyLoss, type PolicyNumbers } from '../engine/ops/policy_loss.ts';
import { scaleColumns } from '../engine/ops/scale_columns.ts';
import { sequenceSums } from '../engine/ops/sequence_sums.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { BatchTensors } from '../model/batch.ts';
import type { LossGraph } from '../objectives/objective.ts';

/**
 * Log-probabilities, pinned: f32 [S] of whole sequences, or f32 [R] of their tokens where these were sampled. Missing where the objective has no use
 * for them.
 */
export interface PolicyTensors {
  /** By what is trained: read after a replay. */
  trained?: Tensor;
  /** By the reference: written before it. */
  reference?: Tensor;
  /** What else belongs to sampled sequences. */
  sampled?: SampledTensors;
  /** Where logits are divided by a temperature. */
  sharpness?: Sharpness;
}

/** Written before a replay: policy/batch.ts. */
export interface SampledTensors {
  /** f32 [R]: log-probabilities by the policy that made the samples, or ON_POLICY. */
  readonly old: Tensor;
  /** f32 [S]. */
  readonly advantages: Tensor;
  /** f32 [S]: what a token of each sequence counts. */
  readonly weights: Tensor;
}

/** What logits are multiplied by in another temperature than 1: f32 [C], written once. */
export interface Sharpness {
  readonly tensor: Tensor;
  readonly value: number;
}

export class TapeLossGraph implements LossGraph {
  readonly policies: PolicyTensors = {};

  /**
   * @param hidden what the head sees of the micro-batch
   * @param head the weight of the head, as it is or in shards
   * @param stats the statistics of the step, to which losses are added
   */
  constructor(
    private readonly tape: Tape,
    private readonly hidden: Tensor,
    private readonly head: Tensor,
    private readonly inputs: BatchTensors,
    private readonly stats: Tensor,
  ) {}

  crossEntropy(): Tensor {
    return linearCrossEntropy(this.tape, this.hidden, this.head, this.inputs.labels, this.stats);
  }

  sequenceLogProbabilities(): Tensor {
    const rows = logProbabilities(this.tape, this.hidden, this.head, this.inputs.labels);
    this.policies.trained = sequenceSums(this.tape, rows, this.#ranges);
    return this.policies.trained;
  }

  pairs(kernel: PairKernel, logps: Tensor, numbers: readonly number[]): Tensor {
    const reference = this.tape.pinned([this.#ranges.rows], 'f32', 'log-probabilities of the reference');
    this.policies.reference = reference;
    return pairLoss(
      this.tape,
      kernel,
      { logps, reference, ranges: this.#ranges, total: this.stats },
      numbers,
    );
  }

  tokenLogProbabilities(temperature: number): Tensor {
    const { tape, inputs } = this;
    const logps = logProbabilities(tape, this.#at(temperature), this.head, inputs.labels, { kept: true });
    this.policies.trained = logps;
    return logps;
  }

  policy(logps: Tensor, numbers: PolicyNumbers): Tensor {
    const { tape, policies, stats: total } = this;
    const ranges = this.#ranges;
    const input = (count: number, label: string): Tensor => tape.pinned([count], 'f32', label);
    policies.sampled = {
      old: input(logps.size, 'log-probabilities of the samples'),
      advantages: input(ranges.rows, 'advantages'),
      weights: input(ranges.rows, 'weights of tokens'),
    };
    if (numbers.beta > 0) policies.reference = input(logps.size, 'log-probabilities of the reference');
    const { reference } = policies;
    return policyLoss(tape, { logps, reference, ranges, ...policies.sampled, total }, numbers);
  }

  /** What the head sees, for logits divided by a temperature. */
  #at(temperature: number): Tensor {
    const { tape, hidden } = this;
    if (temperature === 1) return hidden;
    const tensor = tape.pinned([hidden.columns], 'f32', 'inverse temperature');
    this.policies.sharpness = { tensor, value: 1 / temperature };
    return scaleColumns(tape, hidden, tensor);
  }

  get #ranges(): Tensor {
    const { sequenceRanges } = this.inputs;
    if (!sequenceRanges) throw new Error('The sequences of this micro-batch are not told apart');
    return sequenceRanges;
  }
}

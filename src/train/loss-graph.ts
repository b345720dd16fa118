/** What comes behind the forward of a micro-batch: losses, as an objective asks for them, on the engine's tape. */
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { logProbabilities } from '../engine/ops/log_probabilities.ts';
import { pairLoss, type PairKernel } from '../engine/ops/pair_loss.ts';
import { sequenceSums } from '../engine/ops/sequence_sums.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { BatchTensors } from '../model/batch.ts';
import type { LossGraph } from '../objectives/objective.ts';

/** Log-probabilities of whole sequences, f32 [S], pinned. Missing where the objective has no use for them. */
export interface PolicyTensors {
  /** By what is trained: read after a replay. */
  trained?: Tensor;
  /** By the reference: written before it. */
  reference?: Tensor;
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

  get #ranges(): Tensor {
    const { sequenceRanges } = this.inputs;
    if (!sequenceRanges) throw new Error('The sequences of this micro-batch are not told apart');
    return sequenceRanges;
  }
}

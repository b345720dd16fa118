/** Records the losses of an objective after the forward of a micro-batch. */
import { contrastiveLoss } from '../engine/ops/contrastive_loss.ts';
import { linearCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { logProbabilities } from '../engine/ops/log_probabilities.ts';
import { wholeColumns } from '../engine/ops/matmul.ts';
import { pairLoss, type PairInputs, type PairKernel } from '../engine/ops/pair_loss.ts';
import { pool } from '../engine/ops/pool.ts';
import { policyLoss, type PolicyNumbers } from '../engine/ops/policy_loss.ts';
import { scaleColumns } from '../engine/ops/scale_columns.ts';
import { sequenceSums } from '../engine/ops/sequence_sums.ts';
import { LOSS_SLOT, OWN_SLOT } from '../engine/ops/step.ts';
import { weightedRows } from '../engine/ops/weighted_rows.ts';
import type { Tape } from '../engine/tape.ts';
import { Tensor } from '../engine/tensor.ts';
import type { BatchTensors } from '../model/batch.ts';
import { unitRows } from '../model/encoder.ts';
import type { LossGraph } from '../objectives/objective.ts';
import type { Trainable } from './step-plans.ts';

/**
 * Log-probabilities, pinned: f32 [S] of whole sequences, or f32 [R] of their tokens if these were sampled. Missing if the objective does not need
 * them.
 */
export interface PolicyTensors {
  /** By the trained policy: read after a replay. */
  trained?: Tensor;
  /** By the reference: written before a replay. */
  reference?: Tensor;
  /** Further inputs of sampled sequences. */
  sampled?: SampledTensors;
  /** If logits are divided by a temperature. */
  sharpness?: Sharpness;
}

/** Written before a replay: policy/batch.ts. */
interface SampledTensors {
  /** f32 [R]: log-probabilities by the policy that made the samples, or ON_POLICY. */
  readonly old: Tensor;
  /** f32 [S]. */
  readonly advantages: Tensor;
  /** f32 [S]: the weight of a token in each sequence. */
  readonly weights: Tensor;
}

/** The factor of logits for a temperature other than 1: f32 [C], written once. */
interface Sharpness {
  readonly tensor: Tensor;
  readonly value: number;
}

/** Inputs of a micro-batch that only some losses read. */
type OwnInputs = { -readonly [Name in 'weights' | 'desirable' | 'pooled']?: BatchTensors[Name] };

export class TapeLossGraph implements LossGraph {
  readonly policies: PolicyTensors = {};
  /** Inputs that the losses added to those of the model. */
  readonly inputs: OwnInputs = {};
  #rows: Tensor | undefined;

  /**
   * @param hidden the head's input for the micro-batch; of an encoder the hidden states of all tokens
   * @param model whose head, or pooling, the losses take
   * @param stats the statistics of the step, to which losses are added
   */
  constructor(
    private readonly tape: Tape,
    private readonly hidden: Tensor,
    private readonly model: Pick<Trainable, 'model' | 'adapter'>,
    private readonly batch: BatchTensors,
    private readonly stats: Tensor,
  ) {}

  crossEntropy(): Tensor {
    return linearCrossEntropy(this.tape, this.hidden, this.#head, this.batch.labels, this.stats);
  }

  sequenceLogProbabilities(): Tensor {
    this.policies.trained ??= sequenceSums(this.tape, this.#rowLogProbabilities, this.#ranges);
    return this.policies.trained;
  }

  referenceLogProbabilities(): Tensor {
    this.policies.reference ??= this.#ofSequences('log-probabilities of the reference');
    return this.policies.reference;
  }

  desirable(): Tensor {
    this.inputs.desirable ??= this.#ofSequences('desirable sequences');
    return this.inputs.desirable;
  }

  pairs(kernel: PairKernel, inputs: PairInputs, numbers: readonly number[]): Tensor {
    return pairLoss(this.tape, kernel, { ...inputs, ranges: this.#ranges, total: this.stats }, numbers);
  }

  textCrossEntropy(sum: number): Tensor {
    const x = this.#rowLogProbabilities;
    this.inputs.weights ??= this.tape.pinned(x.shape, 'f32', 'weights of tokens');
    return weightedRows(this.tape, { x, weights: this.inputs.weights, total: this.stats }, [
      LOSS_SLOT,
      OWN_SLOT + sum,
    ]);
  }

  together(...losses: readonly Tensor[]): Tensor {
    // They have been added to the statistics: only their gradients remain.
    const { storage, shape, dtype } = this.stats;
    const all = new Tensor(storage, shape, dtype);
    this.tape.record([all], losses, () => {
      const factor = this.tape.factor(all);
      if (factor === undefined) throw new Error('The gradient of losses together must be a known number');
      for (const loss of losses) this.tape.passFactor(loss, factor);
    });
    return all;
  }

  /** The log-probability of each output row's label, computed once for all losses of them. */
  get #rowLogProbabilities(): Tensor {
    this.#rows ??= logProbabilities(this.tape, this.hidden, this.#head, this.batch.labels);
    return this.#rows;
  }

  #ofSequences(label: string): Tensor {
    return this.tape.pinned([this.#ranges.rows], 'f32', label);
  }

  tokenLogProbabilities(temperature: number): Tensor {
    const { tape, batch } = this;
    const logps = logProbabilities(tape, this.#at(temperature), this.#head, batch.labels, { kept: true });
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

  contrastive(temperature: number): Tensor {
    const { tape, hidden } = this;
    const { pooling } = this.model.model.definition;
    if (pooling === undefined) throw new Error('Only an encoder makes vectors of texts');
    const [S, M, C] = [wholeColumns(this.#ranges.rows), hidden.rows, hidden.columns];
    const weights = tape.pinned([S, M], 'f32', 'weights of pooling');
    const ones = tape.pinned([C], 'f32', 'ones');
    const roles = tape.pinned([S], 'u32', 'roles of texts');
    this.inputs.pooled = { pooling, weights, ones, roles };
    const x = unitRows(tape, pool(tape, hidden, weights), ones);
    return contrastiveLoss(tape, { x, roles, total: this.stats }, temperature);
  }

  /** The weight of the head, as it is or in shards. */
  get #head(): Tensor {
    const { model, adapter } = this.model;
    return model.headOf(this.tape, adapter);
  }

  /** The head's input, for logits divided by a temperature. */
  #at(temperature: number): Tensor {
    const { tape, hidden } = this;
    if (temperature === 1) return hidden;
    const tensor = tape.pinned([hidden.columns], 'f32', 'inverse temperature');
    this.policies.sharpness = { tensor, value: 1 / temperature };
    return scaleColumns(tape, hidden, tensor);
  }

  get #ranges(): Tensor {
    const { sequenceRanges } = this.batch;
    if (!sequenceRanges) throw new Error('The sequences of this micro-batch are not told apart');
    return sequenceRanges;
  }
}

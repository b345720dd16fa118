/** The steps of a run with rewards: samples answers, scores them, and updates with them. */
import { mean } from '../../averages.ts';
import { BROKEN_SLOT, encodeStep, NORM_SLOT, STEP_SLOTS } from '../../engine/ops/step.ts';
import type { StagingRing } from '../../engine/staging.ts';
import { itemOf, type List } from '../../lists.ts';
import { countSupervised, mostRangesOf, sizeOfRows, writeBatch } from '../../model/batch.ts';
import { greedy } from '../../model/sampling.ts';
import { inputIds, withoutVirtual } from '../../model/virtual-tokens.ts';
import {
  advantagesOf,
  groupOf,
  tokenWeights,
  type Group,
  type LossType,
  type ScaleRewards,
} from '../../objectives/grpo/advantages.ts';
import type { ObjectiveReport } from '../../objectives/objective.ts';
import { optimiserOf } from '../../optimisers/registry.ts';
import { bucketFor } from '../buckets.ts';
import { measuredOf, type Learning, type MeasuredLearning } from '../learning.ts';
import { microBatches, RowOrder } from '../order.ts';
import { learningRate } from '../schedule.ts';
import type { StepParts, StepRequest } from '../step-kind.ts';
import { statsSize, type RunPlans, type Trainable } from '../step-plans.ts';
import { clearedOfStep, type StepOutcome, type StepMaker, type Submitted } from '../steps.ts';
import type { ValidationWatch } from '../validation.ts';
import { sampleSeed, Sampler, type DrawnSamples } from './sampler.ts';
import {
  lengthsOf,
  sampledRow,
  splitByToken,
  withSamples,
  writeSampled,
  type SampledRow,
} from './sampled.ts';
import type { Scoring } from './scoring.ts';
import type { Prompt } from './prompts.ts';
import type { RunSpec } from '../../settings/spec.ts';

/** The settings of the objective that it reads. */
type PolicyOptions = RunSpec & { readonly steps: number } & {
  readonly [
    name in
      | 'numGenerations'
      | 'maxCompletionLength'
      | 'numIterations'
      | 'lossType'
      | 'scaleRewards'
      | 'maskTruncated'
      | 'beta'
      | 'temperature'
      | 'topP'
      | 'topK'
  ]-?: NonNullable<RunSpec[name]>;
};

export class PolicySteps implements StepMaker {
  readonly #order: RowOrder;
  readonly #sampler: Sampler;
  readonly #options: PolicyOptions;
  /** Reports of steps that were not read yet. */
  readonly #reports = new Map<number, ObjectiveReport>();

  /** A step reads its samples. */
  readonly awaits = true;
  private readonly trainable: Trainable;
  private readonly learning: Learning;
  private readonly scoring: Scoring;
  private readonly emit: StepRequest['emit'];
  private readonly plans: RunPlans;
  private readonly ring: StagingRing;

  constructor(
    { trainable, options, learning, rows, scoring, emit }: StepRequest & { readonly scoring: Scoring },
    private readonly prompts: { readonly train: List<Prompt>; readonly validation: readonly Prompt[] },
    { plans, ring }: Pick<StepParts, 'plans' | 'ring'>,
  ) {
    this.trainable = trainable;
    this.learning = learning;
    this.scoring = scoring;
    this.emit = emit;
    this.plans = plans;
    this.ring = ring;
    this.#options = options as PolicyOptions;
    this.#order = new RowOrder(rows, options);
    const { generator } = plans;
    if (!generator) throw new Error('A run that samples needs a generator');
    this.#sampler = new Sampler(generator, trainable.adapter, scoring, this.#options.maxCompletionLength);
  }

  /** Awaits the device, since it has to read the samples. @returns undefined if it was interrupted before anything changed */
  async submit(step: number, isInterrupted: () => boolean): Promise<Submitted | undefined> {
    const { seed, numGenerations, temperature, topP, topK } = this.#options;
    const asked = this.#order.rowsOf(step).map((place) => itemOf(this.prompts.train, place));
    const drawn = await this.#sampler.draw(
      asked.flatMap((prompt, group) =>
        Array.from({ length: numGenerations }, (_, member) => ({
          prompt,
          seed: sampleSeed(seed, step, group, member),
        })),
      ),
      { ...greedy, temperature, topP, topK },
      {
        isInterrupted,
        onProgress: (done, total) => this.emit({ type: 'sampling', step: step + 1, done, total }),
      },
    );
    if (!drawn) return undefined;
    const groups = asked.map((_, at) => drawn.slice(at * numGenerations, (at + 1) * numGenerations));
    const scores = groups.map((group) => groupOf(group.map(({ scored }) => scored.total)));
    const rows = this.#rowsOf(groups, scores);
    this.#reports.set(step, this.#reportOf(drawn, scores));
    this.#report(step, groups.at(-1)!, rows.at(-1)!);
    return this.#learn(step, rows);
  }

  async outcome({ step, stats, count }: Submitted): Promise<StepOutcome> {
    const values = await stats;
    const { loss, report } = measuredOf(this.learning.objective, values, count);
    const { kl, ...others } = report!;
    const kept = this.#reports.get(step);
    this.#reports.delete(step);
    return {
      loss,
      // A divergence of weight 0 needs no reference.
      report: { ...kept, ...others, ...(this.#options.beta > 0 && { kl }) },
      gradNorm: values[NORM_SLOT],
      broken: values[BROKEN_SLOT] !== 0,
    };
  }

  /**
   * The mean reward of greedy answers to the validation prompts. Its negative is reported as the loss, so that less is better everywhere.
   *
   * @returns undefined if it was interrupted
   */
  async validate({ onProgress, isInterrupted }: ValidationWatch): Promise<MeasuredLearning | undefined> {
    const draws = this.prompts.validation.map((prompt) => ({ prompt, seed: 0 }));
    const drawn = await this.#sampler.draw(draws, greedy, { onProgress, isInterrupted });
    if (!drawn) return undefined;
    const report = this.#reportOf(drawn, []);
    return { loss: -report.reward, report };
  }

  /** Groups as rows of several sequences, each answer with its advantage. */
  #rowsOf(groups: readonly (readonly DrawnSamples[])[], scores: readonly Group[]): SampledRow[] {
    const { scaleRewards, maskTruncated } = this.#options;
    const advantages = advantagesOf(scores, scaleRewards as ScaleRewards);
    return groups.map((group, at) =>
      sampledRow(
        inputIds(group[0].prompt.ids, this.trainable.adapter),
        group.map(({ ids, cut }, member) => ({
          ids,
          advantage: advantages[at][member],
          ...(maskTruncated && cut && { left: true }),
        })),
      ),
    );
  }

  /** @param groups none for a validation, whose prompts have one answer each */
  #reportOf(
    drawn: readonly DrawnSamples[],
    groups: readonly Group[],
  ): ObjectiveReport & { readonly reward: number } {
    return {
      reward: mean(drawn.map(({ scored }) => scored.total)),
      ...(groups.length > 0 && {
        reward_std: mean(groups.map(({ spread }) => spread)),
        frac_reward_zero_std: mean(groups.map(({ spread }) => Number(spread === 0))),
      }),
      frac_cut: mean(drawn.map(({ cut }) => Number(cut))),
      ...(drawn.some(({ scored }) => scored.problems) && {
        frac_reward_failed: mean(drawn.map(({ scored }) => Number(scored.problems !== undefined))),
      }),
      completion_length: mean(drawn.map(({ ids }) => ids.length)),
      ...Object.fromEntries(
        this.scoring.rewards.names.map((name, at) => [
          `reward_${name}`,
          mean(drawn.map(({ scored }) => scored.parts[at])),
        ]),
      ),
      ...Object.fromEntries(
        this.scoring.rewards.shown.map((name, at) => [
          `reward_${name.replaceAll(' ', '_')}`,
          mean(drawn.map(({ scored }) => scored.shown[at])),
        ]),
      ),
    };
  }

  #report(step: number, group: readonly DrawnSamples[], { samples }: SampledRow): void {
    const [{ prompt }] = group;
    this.emit({
      type: 'rollout',
      step: step + 1,
      prompt: prompt.prompt,
      wanted: prompt.answer ?? '',
      rewards: this.scoring.rewards.names,
      shown: this.scoring.rewards.shown,
      answers: group.map(({ text, ids, cut, scored }, at) => ({
        ...{ text, tokens: ids.length, cut, reward: scored.total },
        ...{ parts: scored.parts, shown: scored.shown },
        advantage: samples[at].advantage,
        ...(scored.problems && { problem: scored.problems.find((problem) => problem !== undefined) }),
      })),
    });
  }

  async #learn(step: number, sampled: readonly SampledRow[]): Promise<Submitted> {
    const options = this.#options;
    const { numIterations } = options;
    let batches: SampledRow[][] = microBatches(sampled, { ...options, packing: false });
    if (options.beta > 0) batches = await this.#withReference(batches);
    const { weights, count } = tokenWeights(
      options.lossType as LossType,
      batches.map(lengthsOf),
      options.maxCompletionLength,
    );
    const lr = learningRate(step, options);
    // No answer is better than another: the optimiser's momentum and decay should not change the values either.
    const teaches =
      options.beta > 0 ||
      sampled.some(({ samples }) => samples.some(({ advantage, left }) => advantage !== 0 && !left));
    const stats = new Float32Array(statsSize(this.learning.objective));
    const iterations = teaches ? numIterations : 1;
    for (let iteration = 0; iteration < iterations; iteration++) {
      this.#begin(step * numIterations + iteration, lr, count);
      batches = await this.#gradients(step * numIterations + iteration, batches, weights, {
        keeps: iteration === 0 && iterations > 1,
      });
      (await this.#end(teaches)).forEach((value, at) => (stats[at] += value));
    }
    const { length } = stats;
    const ranges = mostRangesOf(this.plans.gradients);
    for (let at = 0; at < length; at++) if (at < STEP_SLOTS) stats[at] /= iterations;
    return {
      ...{ step, lr, count, stats: Promise.resolve(stats) },
      supervised: sampled.reduce((sum, row) => sum + countSupervised(row), 0),
      tokens: sizeOfRows(sampled).tokens,
      ...(ranges > 1 && {
        computed: batches.reduce((sum, rows) => sum + sizeOfRows(rows, ranges).tokens, 0),
      }),
    };
  }

  /** Writes the optimiser's numbers of the next update. @param update counts from 0 */
  #begin(update: number, lr: number, count: number): void {
    const { clip, weightDecay } = this.#options;
    const optimiser = optimiserOf(this.#options.optimiser);
    this.trainable.model.device.write(
      this.plans.shared.hyper,
      encodeStep({ clip, tokens: count, lr, weightDecay }, optimiser.encode(update + 1, this.#options)),
    );
  }

  /** @returns the micro-batches, with the policy's log-probabilities of their answers if these are to be kept */
  async #gradients(
    update: number,
    batches: readonly SampledRow[][],
    weights: readonly (readonly number[])[],
    { keeps }: { readonly keeps: boolean },
  ): Promise<SampledRow[][]> {
    const { shared, gradients } = this.plans;
    const { device } = this.trainable.model;
    const after: SampledRow[][] = [];
    for (const [index, rows] of batches.entries()) {
      if (index > 0) await device.catchUp();
      const { plan, inputs, policies } = bucketFor(gradients, rows);
      writeSampled(plan, inputs, policies, rows, weights[index]);
      device.write(
        shared.seed,
        Uint32Array.of(Math.imul(this.#options.seed + 1, 0x9e3779b1) + update * 4096 + index),
      );
      plan.run(
        index > 0
          ? {}
          : { clear: [...this.trainable.store.gradients, ...clearedOfStep(shared, this.learning)] },
      );
      if (!keeps) {
        after.push(rows);
        continue;
      }
      const values = splitByToken(new Float32Array(await plan.read(policies.trained!)), rows);
      after.push(
        withSamples(
          rows,
          values.map((old) => ({ old })),
        ),
      );
    }
    return after;
  }

  /** Updates the values, unless there is nothing to learn. @returns the statistics */
  async #end(teaches: boolean): Promise<Float32Array> {
    const { shared, update } = this.plans;
    if (!teaches) return new Float32Array(await this.trainable.model.device.read(shared.stats));
    const slot = this.ring.next();
    update.run({ stage: { tensor: shared.stats, slot } });
    return slot.read();
  }

  async #withReference(batches: readonly SampledRow[][]): Promise<SampledRow[][]> {
    const done: SampledRow[][] = [];
    for (const rows of batches) {
      const { plan, inputs, policies } = bucketFor(this.plans.references, rows);
      // The base model alone has no virtual tokens.
      writeBatch(plan, inputs, this.plans.start ? rows : withoutVirtual(rows));
      plan.run();
      const values = splitByToken(new Float32Array(await plan.read(policies.trained!)), rows);
      done.push(
        withSamples(
          rows,
          values.map((reference) => ({ reference })),
        ),
      );
    }
    return done;
  }
}

/** Losses over pairs from given log-probabilities: numbers computed by hand. */
import { expect, onTestFinished, test } from 'vitest';
import { pairLoss, PAIR_SUMS } from '../../src/engine/ops/pair_loss.ts';
import { LOSS_SLOT, OWN_SLOT } from '../../src/engine/ops/step.ts';
import { pairLikelihoods } from '../../src/evaluate/pairs.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import type { Given } from '../../src/settings/setting.ts';
import { objectiveOf } from '../../src/objectives/registry.ts';
import type { LossGraph } from '../../src/objectives/objective.ts';
import { describeDevice } from '../engine/adapters.ts';
import { constant, runTape } from '../engine/run.ts';
import { sprigFolder } from '../engine/sprig.ts';

interface Sequences {
  readonly logps: readonly number[];
  readonly reference: readonly number[];
  readonly tokens: readonly number[];
  readonly desirable?: readonly number[];
}

describeDevice('A loss over pairs', (context) => {
  /** The summed loss, and the objective's sums behind it. */
  async function sumsOf(objective: string, settings: Given, sequences: Sequences): Promise<number[]> {
    const { device } = context;
    const { logps, reference, tokens, desirable = logps } = sequences;
    const [policy, other, values] = [logps, reference, desirable].map((numbers) =>
      constant(device, [numbers.length], numbers),
    );
    let first = 0;
    const bounds = tokens.flatMap((count) => [first, (first += count)]);
    const ranges = constant(device, [tokens.length, 2], bounds, 'u32');
    const total = device.upload([OWN_SLOT + PAIR_SUMS], 'f32', 'total');
    const [sums] = await runTape(device, (tape) => {
      const graph: Partial<LossGraph> = {
        sequenceLogProbabilities: () => policy,
        referenceLogProbabilities: () => other,
        desirable: () => values,
        pairs: (kernel, inputs, numbers) => pairLoss(tape, kernel, { ...inputs, ranges, total }, numbers),
      };
      objectiveOf(objective).record(graph as LossGraph, settings);
      return [total];
    });
    return [sums[LOSS_SLOT], ...sums.slice(OWN_SLOT)];
  }

  test('leaves out places without a pair', async () => {
    const settings = { beta: 0.5, labelSmoothing: 0, sftWeight: 1 };
    // No margin: ln 2. The chosen answer of log-probability −4 has two tokens: a loss of 2 for each.
    const [loss, ...sums] = await sumsOf('dpo', settings, {
      logps: [-4, -6, 0, 0],
      reference: [-4, -6, 0, 0],
      tokens: [2, 3, 0, 0],
    });
    expect(loss).toBeCloseTo(Math.LN2 + 2, 5);
    expect(sums).toEqual([0, 0, 0, 0]);
  });

  test('takes no divergence below zero for KTO', async () => {
    const settings = { beta: 1, desirableWeight: 1, undesirableWeight: 1 };
    // The other answer became less likely by 3. The own one became likelier by 1: a loss of 1 − σ(1 − 0).
    const [loss, good, reward, , kl] = await sumsOf('kto', settings, {
      logps: [-4, -8],
      reference: [-5, -5],
      tokens: [2, 2],
      desirable: [1, 1],
    });
    expect(loss).toBeCloseTo(0.2689414, 6);
    expect([good, reward, kl]).toEqual([1, 1, 0]);
  });

  test('takes a divergence above zero off the reward for KTO', async () => {
    const settings = { beta: 1, desirableWeight: 1, undesirableWeight: 2 };
    // The other answer became likelier by 2, the own one by 1: 2 · (1 − σ(2 − 1)) for an undesirable one.
    const [loss, good, , rejected, kl] = await sumsOf('kto', settings, {
      logps: [-4, -3],
      reference: [-5, -5],
      tokens: [2, 2],
      desirable: [-1, -1],
    });
    expect(loss).toBeCloseTo(2 * 0.2689414, 6);
    expect([good, rejected, kl]).toEqual([0, 1, 2]);
  });

  test('gives each answer of a pair its own likelihood and length', async () => {
    const model = await LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
    onTestFinished(() => model.destroy());
    const [prompt, chosen, rejected] = [
      [1, 20, 30],
      [40, 41],
      [50, 51, 52],
    ];
    const pairOf = (...answers: number[][]): LabelledTokens => ({
      ids: answers.flatMap((answer) => [...prompt, ...answer]),
      labels: answers.flatMap((answer) => [...prompt.map(() => -100), ...answer]),
      starts: [prompt.length + answers[0].length],
    });
    const [one, other] = await pairLikelihoods(model, [pairOf(chosen, rejected), pairOf(rejected, chosen)]);
    expect([one.chosen.tokens, one.rejected.tokens]).toEqual([2, 3]);
    expect([other.chosen.tokens, other.rejected.tokens]).toEqual([3, 2]);
    expect(other.rejected.logp).toBeCloseTo(one.chosen.logp, 4);
    expect(other.chosen.logp).toBeCloseTo(one.rejected.logp, 4);
    // The first answer's tokens, each after what stands before it, in float64.
    let sum = 0;
    for (let at = 0; at < chosen.length; at++) {
      const logits = Array.from(await model.logits([...prompt, ...chosen.slice(0, at)])).slice(
        -model.definition.shape.vocabulary,
      );
      const most = Math.max(...logits);
      sum += logits[chosen[at]] - most - Math.log(logits.reduce((all, z) => all + Math.exp(z - most), 0));
    }
    expect(one.chosen.logp).toBeCloseTo(sum, 3);
  });
});

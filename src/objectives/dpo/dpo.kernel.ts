// The DPO loss on the CPU engine: see dpo.wgsl.
import {
  driftOf,
  Pair,
  PairArguments,
  pairLosses,
  rewardSums,
  sigmoid,
  softplus,
} from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class DpoArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenReward = this.a * (pair.chosenLogp - pair.chosenReference);
    const rejectedReward = this.a * (pair.rejectedLogp - pair.rejectedReference);
    const margin = chosenReward - rejectedReward;
    // A share for each pair, so that the sum over the pairs, divided by their number, is the mean over tokens.
    const weight = (this.c * pair.pairs) / pair.allChosenTokens;
    const rest: f32 = 1 - this.b;
    pair.loss = rest * softplus(-margin) + this.b * softplus(margin) - weight * pair.chosenLogp;
    const slope = this.a * (this.b * sigmoid(margin) - rest * sigmoid(-margin));
    pair.dChosen = slope - weight;
    pair.dRejected = -slope;
    rewardSums(pair, chosenReward, rejectedReward, driftOf(pair));
  }
}

export function dpo(p: DpoArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<DpoArguments>(p, first, end, scratch);
}

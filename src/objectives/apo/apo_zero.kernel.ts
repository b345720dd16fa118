// The APO-zero loss on the CPU engine: see apo_zero.wgsl.
import {
  driftOf,
  Pair,
  PairArguments,
  pairLosses,
  rewardSums,
  sigmoid,
} from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class ApoZeroArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenReward = this.a * (pair.chosenLogp - pair.chosenReference);
    const rejectedReward = this.a * (pair.rejectedLogp - pair.rejectedReference);
    const wrong = sigmoid(-chosenReward);
    const kept = sigmoid(rejectedReward);
    pair.loss = wrong + kept;
    pair.dChosen = -this.a * wrong * (1 - wrong);
    pair.dRejected = this.a * kept * (1 - kept);
    rewardSums(pair, chosenReward, rejectedReward, driftOf(pair));
  }
}

export function apo_zero(p: ApoZeroArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<ApoZeroArguments>(p, first, end, scratch);
}

// The APO-down loss on the CPU engine: see apo_down.wgsl.
import {
  driftOf,
  Pair,
  PairArguments,
  pairLosses,
  rewardSums,
  sigmoid,
} from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class ApoDownArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenReward = this.a * (pair.chosenLogp - pair.chosenReference);
    const rejectedReward = this.a * (pair.rejectedLogp - pair.rejectedReference);
    const kept = sigmoid(chosenReward);
    const wrong = sigmoid(rejectedReward - chosenReward);
    const slope = this.a * wrong * (1 - wrong);
    pair.loss = kept + wrong;
    pair.dChosen = this.a * kept * (1 - kept) - slope;
    pair.dRejected = slope;
    rewardSums(pair, chosenReward, rejectedReward, driftOf(pair));
  }
}

export function apo_down(p: ApoDownArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<ApoDownArguments>(p, first, end, scratch);
}

// The hinge loss of pairs on the CPU engine: see hinge.wgsl.
import { driftOf, Pair, PairArguments, pairLosses, rewardSums } from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class HingeArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenReward = this.a * (pair.chosenLogp - pair.chosenReference);
    const rejectedReward = this.a * (pair.rejectedLogp - pair.rejectedReference);
    const left: f32 = 1 - (chosenReward - rejectedReward);
    pair.loss = max<f32>(left, 0);
    pair.dChosen = left > 0 ? -this.a : 0;
    pair.dRejected = -pair.dChosen;
    rewardSums(pair, chosenReward, rejectedReward, driftOf(pair));
  }
}

export function hinge(p: HingeArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<HingeArguments>(p, first, end, scratch);
}

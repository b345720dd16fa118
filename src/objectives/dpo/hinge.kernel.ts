// The hinge loss of pairs on the CPU engine: see hinge.wgsl.
import { Pair, PairArguments, pairLosses } from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class HingeArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    pair.chosenReward = this.a * (pair.chosenLogp - pair.chosenReference);
    pair.rejectedReward = this.a * (pair.rejectedLogp - pair.rejectedReference);
    const left: f32 = 1 - (pair.chosenReward - pair.rejectedReward);
    pair.loss = max<f32>(left, 0);
    pair.dChosen = left > 0 ? -this.a : 0;
    pair.dRejected = -pair.dChosen;
  }
}

export function hinge(p: HingeArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<HingeArguments>(p, first, end, scratch);
}

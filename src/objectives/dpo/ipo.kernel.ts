// The IPO loss on the CPU engine: see ipo.wgsl.
import { driftOf, Pair, PairArguments, pairLosses, rewardSums } from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class IpoArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenRatio = pair.chosenLogp - pair.chosenReference;
    const rejectedRatio = pair.rejectedLogp - pair.rejectedReference;
    const distance: f32 =
      chosenRatio / pair.chosenTokens - rejectedRatio / pair.rejectedTokens - <f32>0.5 / this.a;
    pair.loss = distance * distance;
    pair.dChosen = (2 * distance) / pair.chosenTokens;
    pair.dRejected = (-2 * distance) / pair.rejectedTokens;
    rewardSums(pair, this.a * chosenRatio, this.a * rejectedRatio, driftOf(pair));
  }
}

export function ipo(p: IpoArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<IpoArguments>(p, first, end, scratch);
}

// The SimPO loss on the CPU engine: see simpo.wgsl.
import {
  Pair,
  PairArguments,
  pairLosses,
  rewardSums,
  sigmoid,
  softplus,
} from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class SimpoArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosenReward = (this.a * pair.chosenLogp) / pair.chosenTokens;
    const rejectedReward = (this.a * pair.rejectedLogp) / pair.rejectedTokens;
    const margin = chosenReward - rejectedReward - this.b;
    const slope = -this.a * sigmoid(-margin);
    pair.loss = softplus(-margin);
    pair.dChosen = slope / pair.chosenTokens;
    pair.dRejected = -slope / pair.rejectedTokens;
    rewardSums(pair, chosenReward, rejectedReward, 0);
  }
}

export function simpo(p: SimpoArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<SimpoArguments>(p, first, end, scratch);
}

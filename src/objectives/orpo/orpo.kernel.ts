// The odds-ratio term of ORPO on the CPU engine: see orpo.wgsl.
import {
  oneMinusExp,
  Pair,
  PairArguments,
  pairLosses,
  rewardSums,
  sigmoid,
  softplus,
} from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class OrpoArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const chosen = pair.chosenLogp / pair.chosenTokens;
    const rejected = pair.rejectedLogp / pair.rejectedTokens;
    const notChosen = oneMinusExp(chosen);
    const notRejected = oneMinusExp(rejected);
    const z: f32 = chosen - rejected - <f32>(Math.log(notChosen) - Math.log(notRejected));
    const slope = -this.a * sigmoid(-z);
    pair.loss = this.a * softplus(-z);
    pair.dChosen = slope / notChosen / pair.chosenTokens;
    pair.dRejected = -slope / notRejected / pair.rejectedTokens;
    rewardSums(pair, this.a * chosen, this.a * rejected, 0);
  }
}

export function orpo(p: OrpoArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<OrpoArguments>(p, first, end, scratch);
}

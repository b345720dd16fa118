// The KTO loss on the CPU engine: see kto.wgsl.
import { Pair, PairArguments, pairLosses, sigmoid } from '../../engine/cpu/kernels/pair_loss';

@unmanaged
class KtoArguments extends PairArguments {
  pairLoss(pair: Pair): void {
    const kl = max<f32>(0, pair.allRejectedRatio / pair.pairs);
    const ratio = pair.chosenLogp - pair.chosenReference;
    const reward = this.a * ratio;
    const kept = sigmoid(pair.chosenValue * this.a * (ratio - kl));
    const isGood = pair.chosenValue > 0;
    const weight = isGood ? this.b : this.c;
    pair.loss = weight * (1 - kept);
    pair.dChosen = -weight * pair.chosenValue * this.a * kept * (1 - kept);
    pair.dRejected = 0;
    pair.sum0 = isGood ? 1 : 0;
    pair.sum1 = isGood ? reward : 0;
    pair.sum2 = isGood ? 0 : reward;
    pair.sum3 = kl;
  }
}

export function kto(p: KtoArguments, first: i32, end: i32, scratch: usize): void {
  pairLosses<KtoArguments>(p, first, end, scratch);
}

// σ(β h(c)) + 1 − σ(β(h(c) − h(r))), where h = log p − log p of the reference; a = β.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenReward = params.a * (chosen.logp - chosen.reference);
  let rejectedReward = params.a * (rejected.logp - rejected.reference);
  let kept = sigmoid(chosenReward);
  let wrong = sigmoid(rejectedReward - chosenReward);
  let slope = params.a * wrong * (1.0 - wrong);
  return PairLoss(
    kept + wrong,
    params.a * kept * (1.0 - kept) - slope,
    slope,
    rewardSums(chosenReward, rejectedReward, driftOf(chosen, rejected)),
  );
}

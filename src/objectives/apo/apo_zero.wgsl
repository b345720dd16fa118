// 1 − σ(β h(c)) + σ(β h(r)), where h = log p − log p of the reference; a = β.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenReward = params.a * (chosen.logp - chosen.reference);
  let rejectedReward = params.a * (rejected.logp - rejected.reference);
  let wrong = sigmoid(-chosenReward);
  let kept = sigmoid(rejectedReward);
  return PairLoss(
    wrong + kept,
    -params.a * wrong * (1.0 - wrong),
    params.a * kept * (1.0 - kept),
    rewardSums(chosenReward, rejectedReward, driftOf(chosen, rejected)),
  );
}

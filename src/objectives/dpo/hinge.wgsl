// max(0, 1 − β(h(c) − h(r))), where h = log p − log p of the reference; a = β.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenReward = params.a * (chosen.logp - chosen.reference);
  let rejectedReward = params.a * (rejected.logp - rejected.reference);
  let left = 1.0 - (chosenReward - rejectedReward);
  let slope = select(0.0, -params.a, left > 0.0);
  return PairLoss(max(left, 0.0), slope, -slope, rewardSums(chosenReward, rejectedReward, driftOf(chosen, rejected)));
}

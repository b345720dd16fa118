// −(1 − s) ln σ(β(h(c) − h(r))) − s ln σ(−β(h(c) − h(r))), and w times the mean cross-entropy of the micro-batch's chosen tokens, where
// h = log p − log p of the reference; a = β, b = s, c = w.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenReward = params.a * (chosen.logp - chosen.reference);
  let rejectedReward = params.a * (rejected.logp - rejected.reference);
  let margin = chosenReward - rejectedReward;
  // A share for each pair, so that the sum over the pairs, divided by their number, is the mean over tokens.
  let weight = params.c * batch.pairs / batch.chosenTokens;
  let loss = (1.0 - params.b) * softplus(-margin) + params.b * softplus(margin) - weight * chosen.logp;
  let slope = params.a * (params.b * sigmoid(margin) - (1.0 - params.b) * sigmoid(-margin));
  return PairLoss(loss, slope - weight, -slope, rewardSums(chosenReward, rejectedReward, driftOf(chosen, rejected)));
}

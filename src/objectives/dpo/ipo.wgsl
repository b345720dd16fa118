// (h(c)/|c| − h(r)/|r| − 1/(2β))², where h = log p − log p of the reference and |y| is the length in tokens; a = β.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenRatio = chosen.logp - chosen.reference;
  let rejectedRatio = rejected.logp - rejected.reference;
  let distance = chosenRatio / chosen.tokens - rejectedRatio / rejected.tokens - 0.5 / params.a;
  return PairLoss(
    distance * distance,
    2.0 * distance / chosen.tokens,
    -2.0 * distance / rejected.tokens,
    rewardSums(params.a * chosenRatio, params.a * rejectedRatio, driftOf(chosen, rejected)),
  );
}

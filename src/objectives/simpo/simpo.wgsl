// −ln σ(β(a(c) − a(r)) − γ), where a(y) = log p / |y| is the mean over an answer's tokens; a = β, b = γ.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let chosenReward = params.a * chosen.logp / chosen.tokens;
  let rejectedReward = params.a * rejected.logp / rejected.tokens;
  let margin = chosenReward - rejectedReward - params.b;
  let slope = -params.a * sigmoid(-margin);
  return PairLoss(
    softplus(-margin),
    slope / chosen.tokens,
    -slope / rejected.tokens,
    rewardSums(chosenReward, rejectedReward, 0.0),
  );
}

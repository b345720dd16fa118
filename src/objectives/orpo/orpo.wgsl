// −β ln σ(z), z = (a(c) − a(r)) − (ln(1 − eᵃ⁽ᶜ⁾) − ln(1 − eᵃ⁽ʳ⁾)), where a(y) = log p / |y| is the mean over an answer's tokens; a = β.
// z is the logarithm of the ratio of both answers' odds. The cross-entropy of the chosen texts is a separate loss.

fn pairLoss(chosen: Answer, rejected: Answer, batch: Batch) -> PairLoss {
  let c = chosen.logp / chosen.tokens;
  let r = rejected.logp / rejected.tokens;
  let notChosen = oneMinusExp(c);
  let notRejected = oneMinusExp(r);
  let z = c - r - (log(notChosen) - log(notRejected));
  let slope = -params.a * sigmoid(-z);
  return PairLoss(
    params.a * softplus(-z),
    slope / notChosen / chosen.tokens,
    -slope / notRejected / rejected.tokens,
    rewardSums(params.a * c, params.a * r, 0.0),
  );
}

// w_d (1 − σ(β(h − kl))) if the row is desirable, else w_u (1 − σ(β(kl − h))), where h = log p − log p of the reference; a = β, b = w_d,
// c = w_u. The second sequence of a row is the prompt with another row's answer: kl is the mean of h over those of the micro-batch, at least 0,
// and nothing flows back through it. Sums: desirable rows, rewards of these, rewards of the others, kl.

fn pairLoss(answer: Answer, other: Answer, batch: Batch) -> PairLoss {
  let kl = max(0.0, batch.rejectedRatio / batch.pairs);
  let ratio = answer.logp - answer.reference;
  let reward = params.a * ratio;
  let kept = sigmoid(answer.value * params.a * (ratio - kl));
  let weight = select(params.c, params.b, answer.value > 0.0);
  let slope = -weight * answer.value * params.a * kept * (1.0 - kept);
  let good = select(0.0, 1.0, answer.value > 0.0);
  return PairLoss(weight * (1.0 - kept), slope, 0.0, vec4f(good, good * reward, (1.0 - good) * reward, kl));
}

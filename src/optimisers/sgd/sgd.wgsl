// Stochastic gradient descent with momentum, as PyTorch's SGD computes it, its weight decay apart (decoupled, as in AdamW):
//
//   m ← μ m + g;  p ← p · (1 − lr · decay) − lr · m

const MOMENTUM = OWN;

@group(0) @binding(6) var<storage, read_write> first: array<f32>;

fn updated(i: u32, value: f32, gradient: f32, lr: f32) -> f32 {
  let m = hyper[MOMENTUM] * first[i] + gradient;
  first[i] = m;
  return value * (1.0 - lr * hyper[DECAY]) - lr * m;
}

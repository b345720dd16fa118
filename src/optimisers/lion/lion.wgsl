// Lion (Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms", Algorithm 2):
//
//   p ← p · (1 − lr · decay) − lr · sign(β₁ m + (1 − β₁) g);  m ← β₂ m + (1 − β₂) g

const BETA1 = OWN;
const BETA2 = OWN + 1u;

@group(0) @binding(6) var<storage, read_write> first: array<f32>;

fn updated(i: u32, value: f32, gradient: f32, lr: f32) -> f32 {
  let m = first[i];
  let direction = sign(hyper[BETA1] * m + (1.0 - hyper[BETA1]) * gradient);
  first[i] = hyper[BETA2] * m + (1.0 - hyper[BETA2]) * gradient;
  return value * (1.0 - lr * hyper[DECAY]) - lr * direction;
}

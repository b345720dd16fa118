// NAdam (Dozat, 2016) with decoupled weight decay, as PyTorch computes it:
//
//   p ← p · (1 − lr · decay);  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²
//   p ← p − lr · ((1 − μₜ) / (1 − Πμ) · g + μₜ₊₁ / (1 − Πμ · μₜ₊₁) · m) / (√v / √(1 − β₂ᵗ) + ε)

const BETA1 = OWN;
const BETA2 = OWN + 1u;
const EPSILON = OWN + 2u;
const CORRECTION2 = OWN + 3u; // √(1 − β₂ᵗ)
const OF_GRADIENT = OWN + 4u;
const OF_MEAN = OWN + 5u;

@group(0) @binding(6) var<storage, read_write> first: array<f32>;
@group(0) @binding(7) var<storage, read_write> second: array<f32>;

fn updated(i: u32, value: f32, gradient: f32, lr: f32) -> f32 {
  let m = hyper[BETA1] * first[i] + (1.0 - hyper[BETA1]) * gradient;
  let v = hyper[BETA2] * second[i] + (1.0 - hyper[BETA2]) * gradient * gradient;
  first[i] = m;
  second[i] = v;
  let decayed = value * (1.0 - lr * hyper[DECAY]);
  let ahead = hyper[OF_GRADIENT] * gradient + hyper[OF_MEAN] * m;
  return decayed - lr * ahead / (sqrt(v) / hyper[CORRECTION2] + hyper[EPSILON]);
}

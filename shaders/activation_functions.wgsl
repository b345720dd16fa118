// The activations of activation.wgsl and their slopes, which matmul_vector.wgsl needs as well.

// 0: SiLU, 1: GELU by tanh, 2: GELU, 3: the identity.
override KIND: u32 = 0;
const SCALE = 1.5957691216057308;
const CUBE = 0.044715;
// σ of this is already 0 or 1 in f32: x³ must not become infinite or be multiplied by zero.
const FLAT = 30.0;

fn sigmoid(v: f32) -> f32 {
  return 1.0 / (1.0 + exp(-v));
}

// Φ(v) and Φ′(v).
fn normal(v: f32) -> vec2f {
  let bell = exp(-0.5 * v * v);
  let t = 1.0 / (1.0 + 0.3275911 * 0.70710678 * abs(v));
  let tail = 0.5 * bell * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return vec2f(select(tail, 1.0 - tail, v > 0.0), 0.3989422804 * bell);
}

fn activated(x: f32) -> f32 {
  if (KIND == 3u) { return x; }
  if (KIND == 0u) { return x * sigmoid(x); }
  let v = clamp(x, -FLAT, FLAT);
  if (KIND == 2u) { return x * normal(v).x; }
  return x * sigmoid(SCALE * (v + CUBE * v * v * v));
}

fn slope(x: f32) -> f32 {
  if (KIND == 3u) { return 1.0; }
  if (KIND == 0u) {
    let s = sigmoid(x);
    return s * (1.0 + x * (1.0 - s));
  }
  let v = clamp(x, -FLAT, FLAT);
  if (KIND == 2u) {
    let n = normal(v);
    return n.x + v * n.y;
  }
  let s = sigmoid(SCALE * (v + CUBE * v * v * v));
  return s * (1.0 + v * (1.0 - s) * SCALE * (1.0 + 3.0 * CUBE * v * v));
}

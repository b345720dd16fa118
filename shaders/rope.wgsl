// Rotary position embedding (Su et al., 2021) in the half-split order of Hugging Face's Llama.
//
//   y[m,h,i]     = scaling · (x[m,h,i] · cos t − x[m,h,i+r] · sin t)
//   y[m,h,i+r]   = scaling · (x[m,h,i+r] · cos t + x[m,h,i] · sin t)         t = positions[m] · inverseFrequencies[i],  r = rotary / 2
//
// for i < r; numbers after the first `rotary` of a head are unchanged. x: [M, H·D]. positions: [M]. inverseFrequencies: [r].
// DIRECTION −1 turns back: the gradient. `in_place` turns x itself; `add_turned` gives y (+)= x turned, for gradients that are shared with other
// tensors. Both take a second matrix, [M, G·D], after the first: keys after queries. One thread per pair, and in `add_turned` one more for each two
// numbers that stay.
//
// `into_cache` turns queries where they lie, and writes the turned keys and the values, [M, G·D], to rows of a cache: keys[rows[m]], values[rows[m]].
// Rows ≥ T are padding, and are skipped. One thread for each two numbers.

struct Params { M: u32, H: u32, G: u32, D: u32, R: u32, T: u32, scaling: f32 }

override DIRECTION: f32 = 1;
override ACCUMULATE: bool = false;
override ACCUMULATE_OTHER: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> inverseFrequencies: array<f32>;
@group(0) @binding(3) var<storage, read_write> turned: array<Elem>;
@group(0) @binding(4) var<storage, read> x: array<Elem>;
@group(0) @binding(5) var<storage, read_write> y: array<Elem>;
@group(0) @binding(6) var<storage, read_write> otherTurned: array<Elem>;
@group(0) @binding(7) var<storage, read> otherX: array<Elem>;
@group(0) @binding(8) var<storage, read_write> otherY: array<Elem>;
// Only read, but in memory that another binding may write.
@group(0) @binding(9) var<storage, read_write> v: array<Elem>;
@group(0) @binding(10) var<storage, read> rows: array<u32>;
@group(0) @binding(11) var<storage, read_write> keys: array<Elem>;
@group(0) @binding(12) var<storage, read_write> values: array<Elem>;

// π/2 in three parts (Cody and Waite, 1980). The first two have 8 and 11 bits, so that their products with up to 13 bits of quarters are exact.
const QUARTER_A = 1.5703125;
const QUARTER_B = 0.00048375129699707031;
const QUARTER_C = 7.549789948768648e-8;
const PER_QUARTER = 0.6366197723675814;

// Scaled cosine and sine of a position's angle. WGSL only promises 11 bits for its own, and SwiftShader's have 13, so these are polynomials of Cephes
// (Moshier, sinf.c), which are accurate to an f32 between −π/4 and π/4.
fn rotation(m: u32, i: u32) -> vec2f {
  let angle = f32(positions[m]) * inverseFrequencies[i];
  let quarters = round(angle * PER_QUARTER);
  let t = ((angle - quarters * QUARTER_A) - quarters * QUARTER_B) - quarters * QUARTER_C;
  let z = t * t;
  let sine = t + t * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let cosine = 1 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let n = u32(quarters);
  var r = select(vec2f(cosine, sine), vec2f(-sine, cosine), (n & 1u) == 1u);
  r = select(r, -r, (n & 2u) == 2u);
  return vec2f(r.x, DIRECTION * r.y) * params.scaling;
}

fn turn(a: f32, b: f32, r: vec2f) -> vec2f { return vec2f(a * r.x - b * r.y, b * r.x + a * r.y); }

@compute @workgroup_size(64)
fn in_place(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = id.x + id.y * groups.x * 64u;
  let row = pair / params.R;
  let first = params.M * params.H;
  if (row >= first + params.M * params.G) { return; }
  let i = pair % params.R;
  if (row < first) {
    let a = row * params.D + i;
    let b = a + params.R;
    let t = turn(f32(turned[a]), f32(turned[b]), rotation(row / params.H, i));
    turned[a] = Elem(t.x);
    turned[b] = Elem(t.y);
  } else {
    let a = (row - first) * params.D + i;
    let b = a + params.R;
    let t = turn(f32(otherTurned[a]), f32(otherTurned[b]), rotation((row - first) / params.G, i));
    otherTurned[a] = Elem(t.x);
    otherTurned[b] = Elem(t.y);
  }
}

// The two numbers that thread i of a head takes: a pair that turns, or two that stay.
fn placesOf(row: u32, i: u32) -> vec2u {
  if (i < params.R) { return row * params.D + vec2u(i, i + params.R); }
  return row * params.D + 2u * i + vec2u(0u, 1u);
}

fn turnedOf(values: vec2f, m: u32, i: u32) -> vec2f {
  if (i < params.R) { return turn(values.x, values.y, rotation(m, i)); }
  return values;
}

@compute @workgroup_size(64)
fn add_turned(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = id.x + id.y * groups.x * 64u;
  let half = params.D / 2u;
  let row = pair / half;
  let first = params.M * params.H;
  if (row >= first + params.M * params.G) { return; }
  let i = pair % half;
  if (row < first) {
    let at = placesOf(row, i);
    var t = turnedOf(vec2f(f32(x[at.x]), f32(x[at.y])), row / params.H, i);
    if (ACCUMULATE) { t += vec2f(f32(y[at.x]), f32(y[at.y])); }
    y[at.x] = Elem(t.x);
    y[at.y] = Elem(t.y);
  } else {
    let at = placesOf(row - first, i);
    var t = turnedOf(vec2f(f32(otherX[at.x]), f32(otherX[at.y])), (row - first) / params.G, i);
    if (ACCUMULATE_OTHER) { t += vec2f(f32(otherY[at.x]), f32(otherY[at.y])); }
    otherY[at.x] = Elem(t.x);
    otherY[at.y] = Elem(t.y);
  }
}

@compute @workgroup_size(64)
fn into_cache(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = id.x + id.y * groups.x * 64u;
  let half = params.D / 2u;
  let row = pair / half;
  let i = pair % half;
  let queries = params.M * params.H;
  let some = params.M * params.G;
  if (row < queries) {
    if (i >= params.R) { return; }
    let at = placesOf(row, i);
    let t = turn(f32(turned[at.x]), f32(turned[at.y]), rotation(row / params.H, i));
    turned[at.x] = Elem(t.x);
    turned[at.y] = Elem(t.y);
    return;
  }
  if (row >= queries + 2u * some) { return; }
  let isKey = row < queries + some;
  let own = select(row - queries - some, row - queries, isKey);
  let m = own / params.G;
  let slot = rows[m];
  if (slot >= params.T) { return; }
  let at = placesOf(own, i);
  let to = placesOf(slot * params.G + own % params.G, i);
  if (isKey) {
    let t = turnedOf(vec2f(f32(otherTurned[at.x]), f32(otherTurned[at.y])), m, i);
    keys[to.x] = Elem(t.x);
    keys[to.y] = Elem(t.y);
  } else {
    values[to.x] = v[at.x];
    values[to.y] = v[at.y];
  }
}

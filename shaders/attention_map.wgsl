// The probabilities of attention: p[h,m,j] = exp(s[j] − top) / Σ exp(s − top) with s[j] = scale · q[m,h]·k[j], for the keys j that query m sees
// (as in attention.wgsl), 0 for others. q: [M, H·D]. k: [N, KV·D]. keyRanges: [M, 2]. p: [H, M, N] f32. One thread has a row of p; for looking at a
// model, not for speed.

struct Params { M: u32, N: u32, H: u32, KV: u32, D: u32, window: u32, scale: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<Elem>;
@group(0) @binding(2) var<storage, read> k: array<Elem>;
@group(0) @binding(3) var<storage, read> keyRanges: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> p: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * 64u;
  if (row >= params.H * params.M) { return; }
  let h = row / params.M;
  let m = row % params.M;
  let range = keyRanges[m];
  let end = min(range.y, params.N);
  var start = min(range.x, end);
  if (params.window > 0u) { start = max(start, max(range.y, params.window) - params.window); }
  let query = (m * params.H + h) * params.D;
  let head = h * params.KV / params.H * params.D;
  let out = row * params.N;

  var top = -1e30;
  for (var j = start; j < end; j++) {
    let key = j * params.KV * params.D + head;
    var s = 0.0;
    for (var d = 0u; d < params.D; d++) { s += f32(q[query + d]) * f32(k[key + d]); }
    s *= params.scale;
    p[out + j] = s;
    top = max(top, s);
  }
  var total = 0.0;
  for (var j = start; j < end; j++) {
    let e = exp(p[out + j] - top);
    p[out + j] = e;
    total += e;
  }
  for (var j = 0u; j < params.N; j++) {
    if (j >= start && j < end) { p[out + j] /= total; } else { p[out + j] = 0.0; }
  }
}

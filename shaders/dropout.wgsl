// Inverted dropout: y = x / (1 − P) if kept, 0 if dropped.
//
// Whether an element is kept is a hash of (seed of the step, salt of the place, index of the element): no state, so that a step can be
// replayed exactly, a checkpointed layer drops the same elements twice, and the backward is the same kernel on dy.
// x, y: any equal shape. Four elements a thread. The hash is PCG's output function in a chain (Jarzynski and Olano, 2020).

struct Params { size: u32, salt: u32, probability: f32 }

override ACCUMULATE: bool = false;

// A workgroup takes four elements a thread, next to each other across the threads.
const ELEMENTS = 256u;
const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Elem>;
@group(0) @binding(2) var<storage, read> seed: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<Elem>;

fn pcg(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = (group.x + group.y * groups.x) * ELEMENTS + thread;
  for (var i = start; i < min(start + ELEMENTS, params.size); i += THREADS) {
    let hash = pcg(i + pcg(params.salt + pcg(seed[0])));
    let uniform_value = f32(hash >> 8u) * exp2(-24.0);
    var value = 0.0;
    if (uniform_value >= params.probability) { value = f32(x[i]) / (1.0 - params.probability); }
    if (ACCUMULATE) { value += f32(y[i]); }
    y[i] = Elem(value);
  }
}

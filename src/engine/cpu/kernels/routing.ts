// The router of a mixture of experts.
//
//   forward    chosen[m, :] the k largest of logits[m, :], the lower index first where two are equal; weights[m, j] = p[chosen[m, j]]
//   backward   dlogits[m, e] (+)= p[e] · ([e is chosen] · dweights[m, j] − Σ_i p[chosen[m, i]] · dweights[m, i])
//
// p = softmax of the row, or with `normalised` of its chosen logits, and zero elsewhere. A unit is a token. logits [M, E] f32.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class RoutingArguments {
  logits: Read;
  weights: Write;
  chosen: Write;
  dweights: Read;
  dlogits: Write;
  E: i32;
  kept: i32;
  normalised: i32;
  accumulate: i32;
}

export function routing(p: RoutingArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const row = p.logits + at4(m * p.E);
    const chosen = p.chosen + at4(m * p.kept);
    const weights = p.weights + at4(m * p.kept);
    let last: f32 = Infinity;
    let lastIndex = -1;
    for (let j = 0; j < p.kept; j++) {
      // A row with NaN may have nothing left to choose: any expert will do.
      let best: f32 = -Infinity;
      let index = -1;
      for (let e = 0; e < p.E; e++) {
        const z = load<f32>(row + at4(e));
        if (!(z < last || (z === last && e > lastIndex))) continue;
        if (index >= 0 && !(z > best)) continue;
        best = z;
        index = e;
      }
      if (index < 0) index = j;
      store<u32>(chosen + at4(j), <u32>index);
      last = load<f32>(row + at4(index));
      lastIndex = index;
    }
    const top = load<f32>(row + at4(<i32>load<u32>(chosen)));
    let sum: f32 = 0;
    if (!p.normalised) for (let e = 0; e < p.E; e++) sum += exp1(load<f32>(row + at4(e)) - top);
    for (let j = 0; j < p.kept; j++) {
      const x = exp1(load<f32>(row + at4(<i32>load<u32>(chosen + at4(j)))) - top);
      store<f32>(weights + at4(j), x);
      if (p.normalised) sum += x;
    }
    for (let j = 0; j < p.kept; j++) store<f32>(weights + at4(j), load<f32>(weights + at4(j)) / sum);
  }
}

export function routingBackward(p: RoutingArguments, first: i32, end: i32, _scratch: usize): void {
  for (let m = first; m < end; m++) {
    const row = p.logits + at4(m * p.E);
    const chosen = p.chosen + at4(m * p.kept);
    const weights = p.weights + at4(m * p.kept);
    const dweights = p.dweights + at4(m * p.kept);
    const dlogits = p.dlogits + at4(m * p.E);
    let common: f32 = 0;
    for (let j = 0; j < p.kept; j++) common += load<f32>(weights + at4(j)) * load<f32>(dweights + at4(j));
    const top = load<f32>(row + at4(<i32>load<u32>(chosen)));
    let sum: f32 = 0;
    if (!p.normalised) for (let e = 0; e < p.E; e++) sum += exp1(load<f32>(row + at4(e)) - top);
    for (let e = 0; e < p.E; e++) {
      let d: f32 = 0;
      if (!p.normalised) d = -common * (exp1(load<f32>(row + at4(e)) - top) / sum);
      if (p.accumulate) d += load<f32>(dlogits + at4(e));
      store<f32>(dlogits + at4(e), d);
    }
    for (let j = 0; j < p.kept; j++) {
      const at = dlogits + at4(<i32>load<u32>(chosen + at4(j)));
      const own = load<f32>(dweights + at4(j)) - (p.normalised ? common : 0);
      store<f32>(at, load<f32>(at) + load<f32>(weights + at4(j)) * own);
    }
  }
}

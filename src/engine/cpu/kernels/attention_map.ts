// The probabilities of attention: p[h,m,j] = exp(s[j] − top) / Σ exp(s − top) with s[j] = scale · q[m,h]·k[j], for the keys j that query m sees
// (as in attention.ts), 0 for others. q: [M, H·D]. k: [N, KV·D]. keyRanges: [M, 2]. p: [H, M, N]. All f32 but the ranges. A unit is a row of p.
import { endKey, firstKey } from './attention_rows';
import { madd, Read, sum4, Write } from './common';
import { exponentials, highest, scaleRow } from './softmax';
import { at4 } from './vectors';

@unmanaged
class AttentionMapArguments {
  q: Read;
  k: Read;
  keyRanges: Read;
  p: Write;
  M: i32;
  N: i32;
  H: i32;
  KV: i32;
  D: i32;
  window: i32;
  scale: f32;
}

export function attentionMap(p: AttentionMapArguments, first: i32, end: i32, _scratch: usize): void {
  for (let row = first; row < end; row++) {
    const h = row / p.M;
    const m = row % p.M;
    const stop = min(endKey(p.keyRanges, m), p.N);
    const start = min(firstKey(p.keyRanges, m, p.window), stop);
    const query = p.q + at4((m * p.H + h) * p.D);
    const keys = p.k + at4(((h * p.KV) / p.H) * p.D);
    const out = p.p + ((<usize>row * <usize>p.N) << 2);
    memory.fill(out, 0, (<usize>p.N) << 2);
    if (start === stop) continue;
    for (let j = start; j < stop; j++) {
      const key = keys + at4(j * p.KV * p.D);
      let sum = f32x4.splat(0.0);
      for (let d = 0; d < p.D; d += 4) sum = madd(v128.load(query + at4(d)), v128.load(key + at4(d)), sum);
      store<f32>(out + at4(j), sum4(sum) * p.scale);
    }
    const seen = out + at4(start);
    const count = stop - start;
    const total = exponentials(seen, count, highest(seen, count), 1);
    scaleRow(seen, count, count, <f32>(1.0 / total));
  }
}

// Embedding: x[m, :] = scale · w[ids[m], :].
//
//   embeddingBackward   dw[ids[m], :] += scale · Σ over all m with this id of dx[m, :]
//
// A table in shards takes a command for each: this one has the rows first … first + V, and skips all other ids.
//
// ids: [M]. x: [M, C] f32. w: [V, C], f32, f16, or blocks (blocks.ts). The host links the occurrences of each id: chain[m] = (1 if m is the first with
// its id, the next m with the same id or NONE). Its first occurrence walks the chain, which also fixes the order of the sum. A unit is a token.
import { unpackBlocks } from './blocks';
import { F32, halves4, Read, Write } from './common';
import { at4, put4, store4 } from './vectors';

@unmanaged
class EmbeddingArguments {
  ids: Read;
  w: Read;
  x: Write;
  chain: Read;
  dx: Read;
  dw: Write;
  C: i32;
  V: u32;
  /** Rows of all of w, if it is the start of a matrix in blocks. */
  rowsW: i32;
  firstRow: u32;
  typeW: i32;
  /** The format of blocks; −1 if w holds numbers. */
  format: i32;
  scale: f32;
}

const NONE: u32 = 0xffffffff;

/** The row of a token in this shard; V or more if it is in another. */
function rowOf(p: EmbeddingArguments, m: i32): u32 {
  return load<u32>(p.ids + at4(m)) - p.firstRow;
}

export function embedding(p: EmbeddingArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  const scale = f32x4.splat(p.scale);
  for (let m = first; m < end; m++) {
    const row = rowOf(p, m);
    if (row >= p.V) continue;
    const element = <i32>row * C;
    const x = p.x + at4(m * C);
    if (p.format >= 0) {
      unpackBlocks(p.w, p.format, p.rowsW * C, element, C, x);
      if (p.scale !== 1)
        for (let c = 0; c < C; c += 4) v128.store(x + at4(c), f32x4.mul(scale, v128.load(x + at4(c))));
    } else if (p.typeW === F32) {
      const w = p.w + at4(element);
      for (let c = 0; c < C; c += 4) store4(x + at4(c), f32x4.mul(scale, v128.load(w + at4(c))), C - c);
    } else {
      const w = p.w + ((<usize>element) << 1);
      for (let c = 0; c < C; c += 4)
        store4(x + at4(c), f32x4.mul(scale, halves4(w + ((<usize>c) << 1))), C - c);
    }
  }
}

export function embeddingBackward(p: EmbeddingArguments, first: i32, end: i32, _scratch: usize): void {
  const C = p.C;
  for (let m = first; m < end; m++) {
    const row = rowOf(p, m);
    if (row >= p.V || load<u32>(p.chain + at4(2 * m)) === 0) continue;
    const dw = p.dw + at4(<i32>row * C);
    for (let c = 0; c < C; c += 4) {
      let sum = f32x4.splat(0);
      for (let place: u32 = m; place !== NONE; place = load<u32>(p.chain + at4(2 * place), 4))
        sum = f32x4.add(sum, v128.load(p.dx + at4(place * C + c)));
      put4(dw + at4(c), f32x4.mul(f32x4.splat(p.scale), sum), C - c, 1);
    }
  }
}

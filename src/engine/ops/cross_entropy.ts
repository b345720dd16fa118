import source from '../../../shaders/cross_entropy.wgsl?raw';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import { Tensor } from '../tensor.ts';
import { matmul, wholeColumns } from './matmul.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('cross_entropy', source);

/** Marks a row without a label. */
export const NO_LABEL = 0xffffffff;

/** Logits of one chunk of rows take at most this much, unless a chunk is already as small as it can be. */
const CHUNK_BYTES = 16 * 2 ** 20;
/** Chunks start on 256-byte boundaries of every tensor that they cut: 64 labels of four bytes. */
const CHUNK_ROWS = 64;

/**
 * The summed cross-entropy of x · wᵀ against labels, without ever holding all logits: rows go through the head in chunks, and each
 * chunk's gradient is taken at once (as in Liger's fused linear cross-entropy).
 *
 * @param x [R, C], the supervised rows only
 * @param w the head [V, C]
 * @param labels u32 [R]; NO_LABEL for padding
 * @param sum f32 [1], external; the loss is added to it
 * @returns `sum`, to be given to `tape.backward`
 */
export function linearCrossEntropy(tape: Tape, x: Tensor, w: Tensor, labels: Tensor, sum: Tensor): Tensor {
  const R = x.rows;
  const V = w.rows;
  const pitch = wholeColumns(V);
  const gradient = tape.training && (x.requiresGrad || w.requiresGrad);
  const dx = gradient && x.requiresGrad ? tape.tensor(x.shape, x.dtype, `d ${x.label}`) : undefined;
  const shape = rowShape(tape.target);
  const losses = tape.tensor([R], 'f32', 'losses');
  const most = Math.min(CHUNK_BYTES, tape.target.limits.maxStorageBufferBindingSize);
  const step = Math.min(R, CHUNK_ROWS * Math.max(1, Math.floor(most / (pitch * 4) / CHUNK_ROWS)));
  for (let start = 0; start < R; start += step) {
    const rows = Math.min(step, R - start);
    const part = x.slice(start, rows);
    const logits = tape.tensor([rows, pitch], 'f32', 'logits');
    const z = matmul(tape, { a: part, b: w, layout: 'NT', c: logits });
    const chunk = (all: Tensor): Tensor => new Tensor(all.storage, [rows], all.dtype, all.offset + start * 4);
    tape.dispatch({
      shader,
      entry: 'rows',
      constants: { GRADIENT: Number(gradient), ...shape },
      tensors: { z, labels: chunk(labels), losses: chunk(losses) },
      params: { R: rows, V, pitch },
      workgroups: Math.ceil(rows / shape.ROWS),
      flops: 8 * rows * V,
    });
    if (dx) matmul(tape, { a: z, b: w, layout: 'NN', c: dx.slice(start, rows) });
    if (gradient && w.gradient)
      matmul(tape, { a: z, b: part, layout: 'TN', c: w.gradient, accumulate: true });
  }
  tape.dispatch({
    shader,
    entry: 'total',
    tensors: { parts: losses, sum },
    params: { R, V, pitch },
    workgroups: 1,
    flops: R,
  });
  const loss = new Tensor(sum.storage, sum.shape, sum.dtype, sum.offset);
  tape.record([loss], [x], () => {
    if (dx) tape.passGradient(x, dx);
  });
  return loss;
}

import source from '../../../../shaders/cross_entropy.wgsl?raw';
import logSource from '../../../../shaders/log_probabilities.wgsl?raw';
import { logitChunks, type LogitChunk } from '../../logit-chunks.ts';
import { crossEntropyKind } from '../../ops/cross_entropy.ts';
import { logProbabilitiesBackward, logProbabilitiesKind } from '../../ops/log_probabilities.ts';
import { wholeColumns } from '../../ops/matmul.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Dispatches } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { matmulDispatches } from './matmul.ts';
import { rowShape } from './shape.ts';

const shader = parseShader('cross_entropy', source);
const logShader = parseShader('log_probabilities', logSource);

/** The most bytes of one chunk's logits, unless the chunk is already as small as it can be. */
const CHUNK_BYTES = 16 * 2 ** 20;
/** A chunk of rows with its logits: f32 [rows, pitch], which the dispatches after it may overwrite. */
type Chunk = LogitChunk & { readonly z: Tensor };

/** Makes the logits of x · wᵀ chunk by chunk, and lets `use` add what is done with them. */
function eachChunk(out: Dispatches, x: Tensor, w: Tensor, use: (chunk: Chunk) => void): void {
  for (const chunk of logitChunks(
    x,
    w,
    Math.min(CHUNK_BYTES, out.target.limits.maxStorageBufferBindingSize),
  )) {
    const z = out.tensor(chunk.shape, 'f32', 'logits');
    matmulDispatches(out, { a: chunk.part, b: w, layout: 'NT', c: z });
    use({ ...chunk, z });
  }
}

interface Accumulation {
  readonly scale?: number;
  readonly accumulate?: boolean;
  readonly accumulateWeight: boolean;
}

/** Adds the gradients of x and w from a chunk whose logits were replaced by their gradients. */
function addGradients(
  out: Dispatches,
  { first, part, z, of }: Chunk,
  w: Tensor,
  { dx, dw }: { readonly dx: Tensor | undefined; readonly dw: Tensor | undefined },
  { scale = 1, accumulate = false, accumulateWeight }: Accumulation,
): void {
  if (dx) matmulDispatches(out, { a: z, b: w, layout: 'NN', c: of(dx), scale, accumulate });
  if (dw) {
    const added = accumulateWeight || !first;
    matmulDispatches(out, { a: z, b: part, layout: 'TN', c: dw, scale, accumulate: added });
  }
}

export const crossEntropyLowerings = [
  lowers(crossEntropyKind, (out, tensors, { scale, accumulate, accumulateWeight }) => {
    const { x, w, labels, sum, right, dx, dw } = tensors;
    const R = x.rows;
    const V = w.rows;
    const shape = rowShape(out.target);
    const losses = out.tensor([R], 'f32', 'losses');
    const isRight = right && out.tensor([R], 'f32', 'right rows');
    const params = { V, pitch: wholeColumns(V) };
    eachChunk(out, x, w, (chunk) => {
      const { rows, z, elements } = chunk;
      out.add({
        shader,
        entry: 'rows',
        constants: { GRADIENT: Number(dx !== undefined || dw !== undefined), ...shape },
        tensors: { z, labels: elements(labels), losses: elements(losses) },
        params: { R: rows, ...params },
        workgroups: Math.ceil(rows / shape.ROWS),
        flops: 8 * rows * V,
      });
      if (isRight)
        out.add({
          shader,
          entry: 'right',
          constants: { ...shape },
          tensors: { z, labels: elements(labels), losses: elements(isRight) },
          params: { R: rows, ...params },
          workgroups: Math.ceil(rows / shape.ROWS),
          flops: rows * V,
        });
      addGradients(out, chunk, w, { dx, dw }, { scale, accumulateWeight });
    });
    const addTotal = (parts: Tensor, to: Tensor, isAdded: boolean): void =>
      out.add({
        shader,
        entry: 'total',
        constants: isAdded ? {} : { ACCUMULATE: 0 },
        tensors: { parts, sum: to },
        params: { R, ...params },
        workgroups: 1,
        flops: R,
      });
    addTotal(losses, sum, accumulate);
    if (right && isRight) addTotal(isRight, right, true);
  }),
  lowers(logProbabilitiesKind, (out, { x, w, labels, y }) => {
    const V = w.rows;
    const shape = rowShape(out.target);
    eachChunk(out, x, w, ({ rows, z, elements }) =>
      out.add({
        shader: logShader,
        entry: 'forward',
        constants: { ...shape },
        tensors: { z, labels: elements(labels), y: elements(y) },
        params: { R: rows, V, pitch: wholeColumns(V), sign: 1, L: labels.size / x.rows },
        workgroups: Math.ceil(rows / shape.ROWS),
        flops: 4 * rows * V,
      }),
    );
  }),
  lowers(
    logProbabilitiesBackward,
    (out, { x, w, labels, weights, dx, dw }, { sign, accumulate, accumulateWeight }) => {
      const V = w.rows;
      const shape = rowShape(out.target);
      const shared = weights.size === 1 && x.rows !== 1;
      eachChunk(out, x, w, (chunk) => {
        const { rows, z, elements } = chunk;
        out.add({
          shader: logShader,
          entry: 'backward',
          constants: { ...shape, SHARED_WEIGHT: Number(shared) },
          tensors: { logits: z, labels: elements(labels), weights: shared ? weights : elements(weights) },
          params: { R: rows, V, pitch: wholeColumns(V), sign, L: 1 },
          workgroups: Math.ceil(rows / shape.ROWS),
          flops: 8 * rows * V,
        });
        addGradients(out, chunk, w, { dx, dw }, { accumulate, accumulateWeight });
      });
    },
  ),
];

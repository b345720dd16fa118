import source from '../kernels/cross_entropy.ts?raw';
import logSource from '../kernels/log_probabilities.ts?raw';
import { logitChunks, type LogitChunk } from '../../logit-chunks.ts';
import { crossEntropyKind } from '../../ops/cross_entropy.ts';
import { logProbabilitiesBackward, logProbabilitiesKind } from '../../ops/log_probabilities.ts';
import { wholeColumns } from '../../ops/matmul.ts';
import type { Tensor } from '../../tensor.ts';
import { lowers, type Commands } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { matmulCommands } from './matmul.ts';

const file = parseKernels('cross_entropy', source);
const logFile = parseKernels('log_probabilities', logSource);

/**
 * The most bytes of one chunk's logits, unless the chunk is already as small as it can be. Each chunk reads the head anew, so small chunks take
 * longer.
 */
const CHUNK_BYTES = 64 * 2 ** 20;
/** A chunk of rows with its logits: f32 [rows, pitch], which the commands after it may overwrite. */
type Chunk = LogitChunk & { readonly z: Tensor };

/** Makes the logits of x · wᵀ chunk by chunk, and lets `use` add what is done with them. */
function eachChunk(out: Commands, x: Tensor, w: Tensor, use: (chunk: Chunk) => void): void {
  for (const chunk of logitChunks(x, w, CHUNK_BYTES)) {
    const z = out.tensor(chunk.shape, 'f32', 'logits');
    matmulCommands(out, { a: chunk.part, b: w, layout: 'NT', c: z });
    use({ ...chunk, z });
  }
}

export const crossEntropyLowerings = [
  lowers(crossEntropyKind, (out, tensors, { scale, accumulate, accumulateWeight }) => {
    const { x, w, labels, sum, right, dx, dw } = tensors;
    const R = x.rows;
    const V = w.rows;
    const gradient = dx !== undefined || dw !== undefined;
    const losses = out.tensor([R], 'f32', 'losses');
    const isRight = right && out.tensor([R], 'f32', 'right rows');
    const params = { V, pitch: wholeColumns(V), gradient: Number(gradient), accumulate: Number(accumulate) };
    eachChunk(out, x, w, ({ first, rows, part, z, of, elements }) => {
      out.add({
        file,
        kernel: 'crossEntropyRows',
        tensors: { z, labels: elements(labels), losses: elements(losses) },
        params: { R: rows, ...params },
        units: rows,
        grain: 1,
        flops: 8 * rows * V,
      });
      if (isRight)
        out.add({
          file,
          kernel: 'crossEntropyRight',
          tensors: { z, labels: elements(labels), losses: elements(isRight) },
          params: { R: rows, ...params },
          units: rows,
          grain: 1,
          flops: rows * V,
        });
      if (dx) matmulCommands(out, { a: z, b: w, layout: 'NN', c: of(dx), scale });
      if (dw)
        matmulCommands(out, {
          a: z,
          b: part,
          layout: 'TN',
          c: dw,
          accumulate: accumulateWeight || !first,
          scale,
        });
    });
    const addTotal = (parts: Tensor, to: Tensor, isAdded: boolean): void =>
      out.add({
        file,
        kernel: 'crossEntropyTotal',
        tensors: { losses: parts, sum: to },
        params: { R, ...params, accumulate: Number(isAdded) },
        units: 1,
        flops: R,
      });
    addTotal(losses, sum, accumulate);
    if (right && isRight) addTotal(isRight, right, true);
  }),
  lowers(logProbabilitiesKind, (out, { x, w, labels, y }) => {
    const V = w.rows;
    eachChunk(out, x, w, ({ rows, z, elements }) =>
      out.add({
        file: logFile,
        kernel: 'logProbabilities',
        tensors: { z, labels: elements(labels), y: elements(y) },
        params: { V, pitch: wholeColumns(V), labelsOfRow: labels.size / x.rows, sign: 1, shared: 0 },
        units: rows,
        grain: 1,
        flops: 4 * rows * V,
      }),
    );
  }),
  lowers(
    logProbabilitiesBackward,
    (out, { x, w, labels, weights, dx, dw }, { sign, accumulate, accumulateWeight }) => {
      const V = w.rows;
      const shared = weights.size === 1 && x.rows !== 1;
      eachChunk(out, x, w, ({ first, rows, part, z, of, elements }) => {
        out.add({
          file: logFile,
          kernel: 'logProbabilitiesBackward',
          tensors: { z, labels: elements(labels), weights: shared ? weights : elements(weights) },
          params: { V, pitch: wholeColumns(V), labelsOfRow: 1, sign, shared: Number(shared) },
          units: rows,
          grain: 1,
          flops: 8 * rows * V,
        });
        if (dx) matmulCommands(out, { a: z, b: w, layout: 'NN', c: of(dx), accumulate });
        if (dw)
          matmulCommands(out, { a: z, b: part, layout: 'TN', c: dw, accumulate: accumulateWeight || !first });
      });
    },
  ),
];

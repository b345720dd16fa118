import source from '../../../shaders/embedding.wgsl?raw';
import blocksSource from '../../../shaders/weight_blocks.wgsl?raw';
import scalarsSource from '../../../shaders/weight_scalars.wgsl?raw';
import { piecesOf } from '../pieces.ts';
import { quantisedFormats, QuantisedTensor } from '../quantised.ts';
import { parseShader } from '../shader.ts';
import type { Tape } from '../tape.ts';
import type { DType, Tensor } from '../tensor.ts';
import { elementGroups } from './shape.ts';

const shader = parseShader('embedding', `${source}\n${scalarsSource}`);
const blocksShader = parseShader('embedding of blocks', `${source}\n${blocksSource}`);

export interface EmbeddingOptions {
  /** Type of the result. */
  dtype: DType;
  /** Every row is multiplied by this: √C for Gemma. */
  scale?: number;
  /** Occurrences of each id, from `linkOccurrences`; needed where the weight is trained. */
  chain?: Tensor;
}

/** Rows of w [V, C], numbers or blocks, by ids u32 [M]; the result is [M, C]. */
export function embedding(
  tape: Tape,
  ids: Tensor,
  w: Tensor,
  { dtype, scale = 1, chain }: EmbeddingOptions,
): Tensor {
  const M = ids.size;
  const C = w.columns;
  const types = { Elem: dtype, ElemB: w.dtype };
  const constants = { SCALE: scale };
  const workgroups = elementGroups(M * C);
  const x = tape.tensor([M, C], dtype, 'embedded');
  for (const { firstRow, tensor: b } of piecesOf(w)) {
    tape.dispatch({
      ...(b instanceof QuantisedTensor
        ? {
            shader: blocksShader,
            types: { Elem: dtype },
            constants: { ...constants, FORMAT: quantisedFormats[b.format].code },
          }
        : { shader, types, constants }),
      entry: 'forward',
      tensors: { ids, b, x },
      params: { M, C, V: b.rows, first: firstRow },
      workgroups,
      flops: M * C,
    });
  }

  tape.record([x], [w], () => {
    if (!chain) throw new Error('Training an embedding needs the chain of occurrences');
    const dx = tape.gradient(x);
    tape.addGradient(w, (gradient) => {
      for (const { firstRow, tensor: dw } of piecesOf(gradient)) {
        tape.dispatch({
          shader,
          entry: 'backward',
          types,
          constants,
          tensors: { ids, chain, dx, dw },
          params: { M, C, V: dw.rows, first: firstRow },
          workgroups,
          flops: M * C,
        });
      }
    });
  });
  return x;
}

const NONE = 0xffffffff;

/** For each position: (1 if its id occurs here first, the next position with the same id or 2³² − 1). u32 [M, 2]. */
export function linkOccurrences(ids: Uint32Array): Uint32Array<ArrayBuffer> {
  const chain = new Uint32Array(ids.length * 2);
  const last = new Map<number, number>();
  ids.forEach((id, m) => {
    const before = last.get(id);
    if (before === undefined) chain[m * 2] = 1;
    else chain[before * 2 + 1] = m;
    chain[m * 2 + 1] = NONE;
    last.set(id, m);
  });
  return chain;
}

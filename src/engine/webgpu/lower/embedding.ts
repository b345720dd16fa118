import wordsSource from '../../../../shaders/block_words.wgsl?raw';
import source from '../../../../shaders/embedding.wgsl?raw';
import blocksSource from '../../../../shaders/weight_blocks.wgsl?raw';
import scalarsSource from '../../../../shaders/weight_scalars.wgsl?raw';
import { embeddingBackward, embeddingKind } from '../../ops/embedding.ts';
import { QuantisedTensor } from '../../quantised.ts';
import { shardsOf } from '../../shards.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';
import { blockConstants, elementGroups } from './shape.ts';

const shader = parseShader('embedding', `${source}\n${scalarsSource}`);
const blocksShader = parseShader('embedding of blocks', `${source}\n${blocksSource}\n${wordsSource}`);

export const embeddingLowerings = [
  lowers(embeddingKind, (out, { ids, w, x }, { scale }) => {
    const M = ids.size;
    const C = w.columns;
    const constants = { SCALE: scale };
    for (const { firstRow, tensor: b } of shardsOf(w)) {
      out.add({
        ...(b instanceof QuantisedTensor
          ? {
              shader: blocksShader,
              types: { Elem: x.dtype },
              constants: { ...constants, ...blockConstants(b) },
            }
          : { shader, types: { Elem: x.dtype, ElemB: w.dtype }, constants }),
        entry: 'forward',
        tensors: { ids, b, x },
        params: { M, C, V: b.rows, first: firstRow },
        workgroups: elementGroups(M * C),
        flops: M * C,
      });
    }
  }),
  lowers(embeddingBackward, (out, { ids, chain, dx, dw: gradient }, { scale }) => {
    const M = ids.size;
    const C = gradient.columns;
    for (const { firstRow, tensor: dw } of shardsOf(gradient)) {
      out.add({
        shader,
        entry: 'backward',
        types: { Elem: dx.dtype, ElemB: gradient.dtype },
        constants: { SCALE: scale },
        tensors: { ids, chain, dx, dw },
        params: { M, C, V: dw.rows, first: firstRow },
        workgroups: elementGroups(M * C),
        flops: M * C,
      });
    }
  }),
];

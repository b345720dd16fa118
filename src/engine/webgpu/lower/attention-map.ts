import source from '../../../../shaders/attention_map.wgsl?raw';
import { attentionMapKind } from '../../ops/attention_map.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('attention_map', source);

export const attentionMapLowerings = [
  lowers(attentionMapKind, (out, tensors, { heads: H, kvHeads: KV, headSize: D, window, scale }) => {
    const { q, k } = tensors;
    const M = q.rows;
    const N = k.rows;
    out.add({
      shader,
      types: { Elem: q.dtype },
      tensors,
      params: { M, N, H, KV, D, window, scale },
      workgroups: Math.ceil((H * M) / 64),
      flops: 2 * M * N * H * D,
    });
  }),
];

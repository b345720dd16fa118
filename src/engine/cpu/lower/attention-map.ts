import source from '../kernels/attention_map.ts?raw';
import { attentionMapKind } from '../../ops/attention_map.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const file = parseKernels('attention_map', source);

export const attentionMapLowerings = [
  lowers(attentionMapKind, (out, tensors, { heads: H, kvHeads: KV, headSize: D, window, scale }) => {
    const { q, k, p } = tensors;
    const M = q.rows;
    const N = k.rows;
    checkF32(q, k, p);
    out.add({
      file,
      kernel: 'attentionMap',
      tensors,
      params: { M, N, H, KV, D, window, scale },
      units: H * M,
      grain: 8,
      flops: 2 * M * N * H * D,
    });
  }),
];

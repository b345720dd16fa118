import source from '../../../../shaders/contrastive_loss.wgsl?raw';
import { contrastiveLossKind } from '../../ops/contrastive_loss.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('contrastive_loss', source);

export const contrastiveLossLowerings = [
  lowers(contrastiveLossKind, (out, { scores, roles, total, dscores }, { temperature, scale }) =>
    out.add({
      shader,
      tensors: {
        ...{ scores, roles, sum: total },
        dscores: dscores ?? out.tensor(scores.shape, 'f32', 'unread gradient of cosines'),
      },
      params: { S: scores.rows, scale, temperature },
      workgroups: 1,
      flops: 12 * scores.size,
    }),
  ),
];

import source from '../kernels/contrastive_loss.ts?raw';
import { contrastiveLossKind } from '../../ops/contrastive_loss.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const file = parseKernels('contrastive_loss', source);

export const contrastiveLossLowerings = [
  lowers(contrastiveLossKind, (out, { scores, roles, total, dscores }, { temperature, scale }) => {
    checkF32(scores, total, dscores);
    out.add({
      file,
      kernel: 'contrastiveLoss',
      tensors: { scores, roles, total, dscores },
      params: { S: scores.rows, scale, temperature },
      units: 1,
      flops: 12 * scores.size,
    });
  }),
];

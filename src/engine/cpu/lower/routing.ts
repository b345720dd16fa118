import rowsSource from '../kernels/expert_rows.ts?raw';
import source from '../kernels/routing.ts?raw';
import { expertRowsKind, routingBackward, routingKind } from '../../ops/routing.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('routing', source);
const rowsFile = parseKernels('expert_rows', rowsSource);

export const routingLowerings = [
  lowers(routingKind, (out, { logits, weights, chosen }, { normalised }) => {
    checkF32(logits);
    const [E, kept] = [logits.columns, chosen.columns];
    out.add({
      file,
      kernel: 'routing',
      tensors: { logits, weights, chosen },
      params: { E, kept, normalised: Number(normalised), accumulate: 0 },
      units: logits.rows,
      grain: rowsAtOnce(E * kept),
      flops: logits.size * kept,
    });
  }),
  lowers(
    routingBackward,
    (out, { logits, weights, chosen, dweights, dlogits }, { normalised, accumulate }) => {
      checkF32(logits, dlogits);
      const [E, kept] = [logits.columns, chosen.columns];
      out.add({
        file,
        kernel: 'routingBackward',
        tensors: { logits, weights, chosen, dweights, dlogits },
        params: { E, kept, normalised: Number(normalised), accumulate: Number(accumulate) },
        units: logits.rows,
        grain: rowsAtOnce(E),
        flops: 4 * logits.size,
      });
    },
  ),
  lowers(expertRowsKind, (out, { chosen, offsets, rows, places }) => {
    const E = offsets.size - 1;
    out.add({
      file: rowsFile,
      kernel: 'expertRows',
      tensors: { chosen, offsets, rows, places },
      params: { P: chosen.size, E },
      units: E,
      grain: rowsAtOnce(chosen.size),
      flops: 2 * E * chosen.size,
    });
  }),
];

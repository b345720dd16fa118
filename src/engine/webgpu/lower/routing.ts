import rowsSource from '../../../../shaders/expert_rows.wgsl?raw';
import source from '../../../../shaders/routing.wgsl?raw';
import { expertRowsKind, routingBackward, routingKind } from '../../ops/routing.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const shader = parseShader('routing', source);
const rowsShader = parseShader('expert_rows', rowsSource);

/** Tokens of a workgroup. */
const TOKENS = 64;

export const routingLowerings = [
  lowers(routingKind, (out, { logits, weights, chosen }, { normalised }) => {
    const [M, E, kept] = [logits.rows, logits.columns, chosen.columns];
    out.add({
      shader,
      entry: 'forward',
      types: { Elem: logits.dtype },
      constants: { NORMALISED: Number(normalised) },
      tensors: { logits, weights, chosen },
      params: { M, E, kept },
      workgroups: Math.ceil(M / TOKENS),
      flops: logits.size * kept,
    });
  }),
  lowers(
    routingBackward,
    (
      out,
      { logits, weights: keptWeights, chosen: keptExperts, dweights, dlogits },
      { normalised, accumulate },
    ) => {
      const [M, E, kept] = [logits.rows, logits.columns, keptExperts.columns];
      out.add({
        shader,
        entry: 'backward',
        types: { Elem: logits.dtype },
        constants: { NORMALISED: Number(normalised), ACCUMULATE: Number(accumulate) },
        tensors: { logits, keptWeights, keptExperts, dweights, dlogits },
        params: { M, E, kept },
        workgroups: Math.ceil(M / TOKENS),
        flops: logits.size * kept,
      });
    },
  ),
  lowers(expertRowsKind, (out, { chosen, offsets, rows, places }) => {
    const E = offsets.size - 1;
    out.add({
      shader: rowsShader,
      tensors: { chosen, offsets, rows, places },
      params: { P: chosen.size, E },
      workgroups: [E, 1, 1],
      flops: 2 * E * chosen.size,
    });
  }),
];

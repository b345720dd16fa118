/** Four dispatches: the best token by the settings in two stages, then the most likely tokens by the logits alone. */
import likelySource from '../../../../shaders/most_likely.wgsl?raw';
import samplingSource from '../../../../shaders/sampling.wgsl?raw';
import { CANDIDATES_AT, MAX_CANDIDATES, RECORD_WORDS, samplingKind } from '../../ops/sampling.ts';
import { lowers } from '../dispatch.ts';
import { parseShader } from '../shader.ts';

const samplingShader = parseShader('sampling', samplingSource);
const likelyShader = parseShader('most_likely', likelySource);

/** Tokens of a workgroup of the first stages. */
const PART = 1024;
/** Digits of three bits in a key of 32. */
const KEY_DIGITS = 11;

export const samplingLowerings = [
  lowers(samplingKind, (out, { logits, settings, draws, seen, ids, picked }, { vocabulary }) => {
    const S = logits.rows;
    const V = vocabulary;
    const pitch = logits.columns;
    const parts = Math.ceil(V / PART);
    const inputs = { z: logits, settings, draws };
    const words = seen.columns;
    const best = out.tensor([S, parts, 2], 'u32', 'best tokens of parts');
    out.add({
      shader: samplingShader,
      entry: 'parts',
      tensors: { ...inputs, seen, best },
      params: { V, pitch, words, parts, digits: KEY_DIGITS },
      workgroups: [parts, S, 1],
      flops: S * V,
    });
    out.add({
      shader: samplingShader,
      entry: 'pick',
      constants: { RECORD: RECORD_WORDS, THREADS: out.target.kernels === 'software' ? 32 : 256 },
      tensors: { ...inputs, seen, firsts: best, ids, picked },
      params: { V, pitch, words, parts, digits: KEY_DIGITS },
      workgroups: [S, 1, 1],
      flops: 40 * S * V,
    });

    const leaders = out.tensor([S, parts, MAX_CANDIDATES, 2], 'u32', 'most likely tokens of parts');
    const sums = out.tensor([S, parts], 'f32', 'sums of parts');
    const constants = { MOST: MAX_CANDIDATES, FIRST: CANDIDATES_AT, RECORD: RECORD_WORDS };
    out.add({
      shader: likelyShader,
      entry: 'parts',
      constants: { MOST: MAX_CANDIDATES },
      tensors: { ...inputs, leaders, sums },
      params: { V, pitch, parts },
      workgroups: [parts, S, 1],
      flops: S * V,
    });
    out.add({
      shader: likelyShader,
      entry: 'merge',
      constants,
      tensors: { ...inputs, partLeaders: leaders, partSums: sums, picked },
      params: { V, pitch, parts },
      workgroups: [S, 1, 1],
      flops: S * parts * MAX_CANDIDATES,
    });
  }),
];
